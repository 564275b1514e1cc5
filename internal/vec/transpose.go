package vec

import "unsafe"

// Interleave writes eight planes side by side: value i of plane k goes to
// dst[i*stride+k].
func (p ISA) Interleave(dst []float32, stride int, planes *[Lanes][]float32) {
	n := len(planes[0])
	for k := range planes {
		planes[k] = planes[k][:n]
	}
	if n == 0 {
		return
	}
	_ = dst[(n-1)*stride+Lanes-1]
	done := 0
	if p == AVX2 && n >= Lanes {
		var at [Lanes]unsafe.Pointer
		for k := range planes {
			at[k] = unsafe.Pointer(&planes[k][0])
		}
		done = n / Lanes * Lanes
		interleave(&dst[0], 4*stride, (*byte)(unsafe.Pointer(&at)), done/Lanes)
	}
	for i := done; i < n; i++ {
		out := dst[i*stride:][:Lanes]
		for k := range planes {
			out[k] = planes[k][i]
		}
	}
}

// Separate is the reverse of Interleave: value i of plane k is src[i*stride+k].
func (p ISA) Separate(planes *[Lanes][]float32, src []float32, stride int) {
	n := len(planes[0])
	for k := range planes {
		planes[k] = planes[k][:n]
	}
	if n == 0 {
		return
	}
	_ = src[(n-1)*stride+Lanes-1]
	done := 0
	if p == AVX2 && n >= Lanes {
		var at [Lanes]unsafe.Pointer
		for k := range planes {
			at[k] = unsafe.Pointer(&planes[k][0])
		}
		done = n / Lanes * Lanes
		separate((*byte)(unsafe.Pointer(&at)), &src[0], 4*stride, done/Lanes)
	}
	for i := done; i < n; i++ {
		in := src[i*stride:][:Lanes]
		for k := range planes {
			planes[k][i] = in[k]
		}
	}
}

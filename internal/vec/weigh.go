package vec

import "unsafe"

// Lanes is the number of floats that most loops take at a time.
const Lanes = 8

// Tap is one term of a weighted sum: a run of floats that begins at At.
type Tap struct {
	At     int32
	Weight float32
}

// Weigh sets output o, the n floats dst[o*n:], to the sum of weight * src[at:]
// over taps[o*per : (o+1)*per]. n is a multiple of Lanes; there are
// len(taps)/per outputs.
func (p ISA) Weigh(dst, src []float32, taps []Tap, per, n int) {
	if n%Lanes != 0 || n <= 0 || per <= 0 || len(taps)%per != 0 {
		panic("vec: Weigh of an odd shape")
	}
	outs := len(taps) / per
	dst = dst[:outs*n]
	for _, t := range taps {
		_ = src[t.At : int(t.At)+n]
	}
	if outs == 0 {
		return
	}
	if p == AVX2 {
		weigh(&dst[0], &src[0], (*byte)(unsafe.Pointer(&taps[0])), per, outs, n)
		return
	}
	for o := range outs {
		out := dst[o*n : (o+1)*n]
		clear(out)
		for _, t := range taps[o*per : (o+1)*per] {
			for i, v := range src[t.At:][:n] {
				out[i] += v * t.Weight
			}
		}
	}
}

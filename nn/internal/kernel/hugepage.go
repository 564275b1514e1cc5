package kernel

import (
	"sync"
	"unsafe"
)

// hugePage is the size, in floats, of the large pages of amd64 and arm64.
const hugePage = 2 << 20 / floatSize

// Floats makes n zeros that start on a cache line. Large blocks start on a
// large page and ask the kernel for such pages: an inference walks through
// megabytes of planes and weights a few cache lines at a time, and with small
// pages it waits for address translation and starts the hardware's prefetching
// anew every 4 KiB.
func Floats(n int) []float32 {
	const line = 16
	align, size := line, n
	if n >= hugePage/2 {
		align, size = hugePage, (n+hugePage-1)/hugePage*hugePage
	}
	b := make([]float32, size+align)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))/floatSize) & (align - 1)
	if b = b[skip : skip+size]; align == hugePage {
		adviseHuge(b)
	}
	return b[:n:n]
}

// weights hands out memory for packed weights from large blocks, one behind the
// other, in the order in which steps are compiled and will run. A block lives as
// long as any kernel uses a part of it.
var weights struct {
	sync.Mutex
	rest []float32
}

func weightFloats(n int) []float32 {
	const line, block = 16, 2 * hugePage
	size := (n + line - 1) / line * line
	if size > block/2 {
		return Floats(n)
	}
	weights.Lock()
	defer weights.Unlock()
	if len(weights.rest) < size {
		weights.rest = Floats(block)
	}
	w := weights.rest[:n:n]
	weights.rest = weights.rest[size:]
	return w
}

package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseHuge asks for large pages for b, which starts on one. Where that is
// refused nothing is lost but speed.
func adviseHuge(b []float32) {
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&b[0])), len(b)*floatSize), unix.MADV_HUGEPAGE)
}

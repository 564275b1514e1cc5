//go:build unix

package kernel

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// newRegion returns n floats of fresh memory that end, or begin, at a page that
// may not be touched: a kernel that reads or writes beyond dies.
func newRegion(t testing.TB, n int, atEnd bool) []float32 {
	t.Helper()
	page := os.Getpagesize()
	size := (n*floatSize + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	for _, edge := range [][]byte{mem[:page], mem[page+size:]} {
		if err := unix.Mprotect(edge, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	start := page
	if atEnd {
		start += size - n*floatSize
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&mem[start])), n)
}

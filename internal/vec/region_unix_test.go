//go:build unix

package vec

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// atEdge copies data to memory that ends at a page that may not be touched: a
// loop that reads beyond dies.
func atEdge[T any](t testing.TB, data []T) []T {
	t.Helper()
	if len(data) == 0 {
		return data
	}
	size := len(data) * int(unsafe.Sizeof(data[0]))
	page := os.Getpagesize()
	whole := (size + page - 1) / page * page
	mem, err := unix.Mmap(-1, 0, whole+page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mem); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mprotect(mem[whole:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	out := unsafe.Slice((*T)(unsafe.Pointer(&mem[whole-size])), len(data))
	copy(out, data)
	return out
}

package kernel

import (
	"slices"
	"testing"
	"unsafe"
)

// byteArena is planes of bytes, as tightly as allowed: forbidden pages where the
// slack ends, and bytes of 0xA5 in it.
type byteArena struct {
	c, n         int
	data, before []byte
	planes       []Plane
}

const canary = 0xA5

// newByteArena makes c planes of n bytes filled with fill(channel, pixel).
func newByteArena(t testing.TB, c, n int, atEnd bool, fill func(c, i int) byte) *byteArena {
	t.Helper()
	stride := n + ByteSlack
	size := (ByteSlack + c*stride + floatSize - 1) / floatSize
	a := &byteArena{c: c, n: n, data: asBytes(newRegion(t, size, atEnd))}
	first := len(a.data) - c*stride
	for i := range a.data {
		a.data[i] = canary
	}
	for i := range c {
		a.planes = append(a.planes, Plane(&a.data[first+i*stride]))
		for j, p := 0, a.plane(i); j < n; j++ {
			p[j] = fill(i, j)
		}
	}
	a.before = slices.Clone(a.data)
	return a
}

func (a *byteArena) plane(c int) []byte { return unsafe.Slice((*byte)(a.planes[c]), a.n) }

// check reports any change beyond the 16 bytes behind a plane, or anywhere if
// whole is set.
func (a *byteArena) check(t testing.TB, what string, whole bool) {
	t.Helper()
	now := slices.Clone(a.data)
	if !whole {
		for c := range a.c {
			o := len(a.data) - (a.c-c)*(a.n+ByteSlack)
			copy(now[o:o+a.n+16], a.before[o:])
		}
	}
	for i, v := range now {
		if v != a.before[i] {
			t.Fatalf("%s: byte %d of %d planes of %d changed", what, i, a.c, a.n)
		}
	}
}

func (s *source) byte(_, _ int) byte { return byte(s.r.Uint32()) }

// quant returns some way to stand for numbers.
func (s *source) quant() Quant {
	lo := -s.r.Float32() * float32(s.r.IntN(2))
	return NewQuant(lo, lo+0.1+2*s.r.Float32())
}

func (s *source) quants(n int) []Quant {
	list := make([]Quant, n)
	for i := range list {
		list[i] = s.quant()
	}
	return list
}

func TestFMA(t *testing.T) {
	t.Parallel()
	if got := fma32(1+0x1p-23, 1-0x1p-23, -1); got != -0x1p-46 {
		t.Errorf("a square's last bit: %g", got)
	}
	// The product is a tie between two float32, and z, far below a unit of float64's
	// last place, says which.
	for _, z := range []float32{0x1p-100, -0x1p-100} {
		x, y := float32(1+0x1p-12), float32(1+0x1p-12) // 1 + 2^-11 + 2^-24
		want := float32(1 + 0x1p-11)
		if z > 0 {
			want += 0x1p-23
		}
		if got := fma32(x, y, z); got != want {
			t.Errorf("z = %g: %v, want %v", z, got, want)
		}
	}
}

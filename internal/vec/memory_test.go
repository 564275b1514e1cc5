package vec

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// fenced is memory of n elements with bytes before and behind that must stay as
// they are.
type fenced[T any] struct {
	all   []T
	inner []T
	seed  uint64
}

const fence = 64

func newFenced[T any](n int, seed uint64) *fenced[T] {
	f := &fenced[T]{all: make([]T, n+2*fence), seed: seed}
	f.inner = f.all[fence : fence+n : fence+n]
	f.fill(f.bytes(f.all))
	return f
}

func (f *fenced[T]) bytes(s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

func (f *fenced[T]) fill(b []byte) {
	rng := rand.New(rand.NewPCG(f.seed, 3))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
}

// check fails if anything outside of the inner part changed.
func (f *fenced[T]) check(t testing.TB, what string) {
	t.Helper()
	want := make([]T, len(f.all))
	f.fill(f.bytes(want))
	if !bytes.Equal(f.bytes(f.all[:fence]), f.bytes(want[:fence])) {
		t.Fatalf("%s: wrote before the slice", what)
	}
	behind := len(f.all) - fence
	if !bytes.Equal(f.bytes(f.all[behind:]), f.bytes(want[behind:])) {
		t.Fatalf("%s: wrote behind the slice", what)
	}
}

func randomFloats(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 5))
	out := make([]float32, n)
	for i := range out {
		out[i] = rng.Float32()*16 - 8
	}
	return out
}

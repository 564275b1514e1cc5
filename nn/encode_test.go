package nn

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestHalfBothWays holds that every float16 survives, and that what lies between
// two goes to the nearer one, to the even one if there is none.
func TestHalfBothWays(t *testing.T) {
	t.Parallel()
	for h := range 1 << 16 {
		x := HalfToFloat(uint16(h))
		if math.IsNaN(float64(x)) {
			if got := FloatToHalf(x); got&0x7fff <= 0x7c00 {
				t.Fatalf("NaN %#x becomes %#x", h, got)
			}
			continue
		}
		if got := FloatToHalf(x); got != uint16(h) {
			t.Fatalf("%#x = %g becomes %#x", h, x, got)
		}
		if h&0x7fff >= 0x7bff {
			continue
		}
		next := HalfToFloat(uint16(h + 1))
		middle := (x + next) / 2
		even := uint16(h + h&1)
		if got := FloatToHalf(middle); got != even {
			t.Fatalf("%g between %#x and the next becomes %#x, want %#x", middle, h, got, even)
		}
		if got := FloatToHalf(math.Nextafter32(middle, x)); got != uint16(h) {
			t.Fatalf("just nearer to %#x becomes %#x", h, got)
		}
		if got := FloatToHalf(math.Nextafter32(middle, next)); got != uint16(h+1) {
			t.Fatalf("just nearer to %#x becomes %#x", h+1, got)
		}
	}
	for x, want := range map[float32]uint16{65519: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00, -1e30: 0xfc00, 1e-30: 0} {
		if got := FloatToHalf(x); got != want {
			t.Errorf("%g becomes %#x, want %#x", x, got, want)
		}
	}
}

func TestEncodeWeights(t *testing.T) {
	t.Parallel()
	w := &Weights{Metadata: map[string]string{"riffle": `{"a":1}`}, Tensors: map[string]Tensor{
		"b.weight": {[]int{2, 1, 3}, []float32{1, -2, 0.5, 3, 4, 5}},
		"a":        {[]int{}, []float32{1e-9}},
		"none":     {[]int{0, 4}, []float32{}},
	}}
	for _, half := range []func(string, Tensor) bool{nil, func(name string, _ Tensor) bool { return name == "b.weight" }} {
		data, err := EncodeWeights(w, half)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadWeights(data)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, w) {
			t.Errorf("read back %v, want %v", got, w)
		}
	}
	all := func(string, Tensor) bool { return true }
	w.Tensors["big"] = Tensor{[]int{1}, []float32{1e5}}
	if _, err := EncodeWeights(w, all); err == nil || !strings.Contains(err.Error(), `"big" holds 100000`) {
		t.Errorf("float16 of 1e5: %v", err)
	}
	w.Tensors["big"] = Tensor{[]int{2}, []float32{1}}
	if _, err := EncodeWeights(w, nil); err == nil || !strings.Contains(err.Error(), `"big" has 1 elements`) {
		t.Errorf("wrong shape: %v", err)
	}
}

package nn

import (
	"fmt"
	"math"
	"testing"
)

// TestRunFirst: pixels that are asked for are those of a whole run, and what is
// not asked for is not computed.
func TestRunFirst(t *testing.T) {
	t.Parallel()
	const pixels = 150
	b := NewBuilder()
	x := b.Act(b.Pointwise(b.Input("image", 70), "fc1", 40, true), ReLU)
	b.Output("out", b.Pointwise(x, "fc2", 11, true))
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	w := RandomWeights(g, 1)
	for _, isa := range ISAs() {
		for _, threads := range []int{1, 3} {
			p, err := Compile(g, w, Options{Height: 1, Width: pixels, Threads: threads, ISA: isa})
			if err != nil {
				t.Fatal(err)
			}
			fill(p.Input("image"))
			p.Run()
			want := make([][]float32, 0, 11)
			for _, plane := range p.Output("out") {
				want = append(want, append([]float32(nil), plane...))
			}
			for _, n := range []int{1, 16, 17, 49, 128, 129, 149, 150} {
				for _, plane := range p.Output("out") {
					for i := range plane {
						plane[i] = float32(math.NaN())
					}
				}
				p.RunFirst(n)
				got := make([][]float32, 0, 11)
				for c, plane := range p.Output("out") {
					got = append(got, append(append([]float32(nil), plane[:n]...), want[c][n:]...))
				}
				compare(t, fmt.Sprintf("%s, %d threads, %d pixels", isa, threads, n), got, want, 0)
				if last := p.Output("out")[0][pixels-1]; n < 20 && !math.IsNaN(float64(last)) {
					t.Errorf("%s: all pixels were computed for %d", isa, n)
				}
			}
			p.Run() // all of them again
			compare(t, isa, p.Output("out"), want, 0)
		}
	}
}

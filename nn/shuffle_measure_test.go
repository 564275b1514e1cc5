//go:build measure

package nn

import (
	"fmt"
	"testing"
	"time"
)

// units stacks stride-1 units of ShuffleNet v2 (arXiv 1807.11164, figure 3c) or
// v1 (arXiv 1707.01083, figure 2b) at 14x14, with their shuffles or without: all
// else, weights included, is the same.
func units(t testing.TB, version int, shuffles bool) *Plan {
	t.Helper()
	const channels, groups, side = 240, 3, 14
	b := NewBuilder()
	shuffle := func(x Value, groups int) Value {
		if !shuffles {
			return x
		}
		return b.ChannelShuffle(x, groups)
	}
	x := b.Input("x", channels)
	for i := range 8 {
		n := fmt.Sprint("unit", i)
		if version == 2 {
			left, right := b.Split2(x)
			right = b.Act(b.Pointwise(right, n+".in", channels/2, true), ReLU)
			right = b.Depthwise(right, n+".dw", ConvSpec{Kernel: 3, Bias: true})
			right = b.Act(b.Pointwise(right, n+".out", channels/2, true), ReLU)
			x = shuffle(b.Concat(left, right), 2)
			continue
		}
		y := b.Act(b.GroupedPointwise(x, n+".in", channels/4, groups, true), ReLU)
		y = b.Depthwise(shuffle(y, groups), n+".dw", ConvSpec{Kernel: 3, Bias: true})
		x = b.Act(b.Add(b.GroupedPointwise(y, n+".out", channels, groups, true), x), ReLU)
	}
	b.Output("y", x)
	g, err := b.Graph()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(g, RandomWeights(g, 1), Options{Height: side, Width: side})
	if err != nil {
		t.Fatal(err)
	}
	fill(p.Input("x"))
	return p
}

// fastest runs plans in turn and returns each one's fastest run, the one that
// other programs disturbed least.
func fastest(rounds int, plans ...*Plan) []time.Duration {
	best := make([]time.Duration, len(plans))
	for round := range rounds {
		for i := range plans {
			k := (i + round) % len(plans)
			start := time.Now()
			plans[k].Run()
			if d := time.Since(start); best[k] == 0 || d < best[k] {
				best[k] = d
			}
		}
	}
	return best
}

// TestShufflesCostNoTime: units run as fast with their shuffles as without. What
// else runs on the machine is part of every measurement, so a second plan without
// shuffles says how far apart two equal plans come out, and a round that is worse
// than that is measured again.
func TestShufflesCostNoTime(t *testing.T) {
	const tolerance, attempts = 0.02, 8
	for _, version := range []int{1, 2} {
		with, without, again := units(t, version, true), units(t, version, false), units(t, version, false)
		for attempt := 1; ; attempt++ {
			d := fastest(60*attempt, without, with, again)
			cost := float64(d[1])/float64(d[0]) - 1
			noise := float64(d[2])/float64(d[0]) - 1
			t.Logf("v%d: %v with shuffles, %v without: %+.1f %%; two equal plans: %+.1f %%", version, d[1], d[0], 100*cost, 100*noise)
			if cost <= tolerance+max(noise, -noise) {
				break
			}
			if attempt == attempts {
				t.Errorf("v%d: shuffles cost %.1f %% of the time in every attempt", version, 100*cost)
				break
			}
		}
	}
}

// BenchmarkShuffles has the same plans, for benchstat.
func BenchmarkShuffles(b *testing.B) {
	for _, version := range []int{1, 2} {
		for _, shuffles := range []bool{true, false} {
			b.Run(fmt.Sprintf("v%d/shuffles=%v", version, shuffles), func(b *testing.B) {
				p := units(b, version, shuffles)
				for b.Loop() {
					p.Run()
				}
			})
		}
	}
}

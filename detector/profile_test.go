package detector

import (
	"context"
	"errors"
	"image"
	"testing"
)

// TestProfileCountsEveryMultiplyAdd: the layers together are the network, less
// what the compiler saves in the neck by multiplying before it enlarges.
func TestProfileCountsEveryMultiplyAdd(t *testing.T) {
	for _, first := range []bool{false, true} {
		d, err := New(tinyFile(t), Options{Workers: 1, FirstStageOnly: first})
		if err != nil {
			t.Fatal(err)
		}
		layers, err := d.Profile(context.Background(), image.NewGray(image.Rect(0, 0, 64, 48)))
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		names := map[string]bool{}
		for _, l := range layers {
			sum += l.MACs
			names[l.Name] = true
		}
		h := &d.header
		cells := func(stride int) int { return h.Input[0] / stride * (h.Input[1] / stride) }
		saved := int64(h.NeckChannels * h.NeckChannels / 2 * (cells(8) - cells(32)))
		if sum+saved != d.Info().MACs {
			t.Errorf("layers have %d multiply-adds, the network %d", sum, d.Info().MACs)
		}
		if !names["preprocess"] || !names["suppression"] || names["RoIAlign"] == first {
			t.Errorf("first stage only %v: steps %v", first, names)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := d.Profile(ctx, image.NewGray(image.Rect(0, 0, 8, 8))); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

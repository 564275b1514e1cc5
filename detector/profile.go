package detector

import (
	"context"
	"image"

	"example.com/riffle/nn"
)

// Profile looks at a picture on one thread and returns the time of every step:
// the layers of all networks and, without channels or multiply-adds, what
// happens between them.
func (d *Detector) Profile(ctx context.Context, img image.Image) ([]nn.Layer, error) {
	w, err := d.acquire(ctx, sizeOf(img))
	if err != nil {
		return nil, err
	}
	defer d.release(w)
	if err := w.choose(d.kind, Filter{Threshold: Everything}); err != nil {
		return nil, err
	}
	var t Timing
	t.stage(&t.Preprocess, func() { err = w.fill(img) })
	if err != nil {
		return nil, err
	}
	if _, err := w.look(&t); err != nil {
		return nil, err
	}
	layers := []nn.Layer{{Name: "preprocess", Kind: "image", Time: t.Preprocess}}
	layers = append(layers, w.profile(&t)...)
	return append(layers, nn.Layer{Name: "suppression", Kind: "boxes", Time: t.Postprocess}), nil
}

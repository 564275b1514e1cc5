package detector

import (
	"context"
	"image"

	"example.com/riffle/nn"
)

// Profile looks at a picture on one thread and returns the time of every step:
// the layers of both networks and, without channels or multiply-adds, what
// happens between them.
func (d *Detector) Profile(ctx context.Context, img image.Image) ([]nn.Layer, error) {
	w, err := d.workers.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer d.workers.Release(w)
	if err := w.choose(&d.model.header, Filter{Threshold: Everything}); err != nil {
		return nil, err
	}
	var t Timing
	t.stage(&t.Preprocess, func() { err = w.pre.Fill(w.input, img) })
	if err != nil {
		return nil, err
	}
	if _, err := w.run(&d.model.header, &t); err != nil {
		return nil, err
	}
	layers := []nn.Layer{{Name: "preprocess", Kind: "image", Time: t.Preprocess}}
	layers = append(layers, w.first.Profile()...)
	if w.head == nil {
		return append(layers, nn.Layer{Name: "suppression", Kind: "boxes", Time: t.Postprocess}), nil
	}
	layers = append(layers, nn.Layer{Name: "proposals", Kind: "boxes", Time: t.Proposals})
	second := w.head.plan.Profile()
	around := t.SecondStage
	for _, l := range second {
		around -= l.Time
	}
	layers = append(layers, nn.Layer{Name: "RoIAlign", Kind: "features", Time: max(0, around)})
	layers = append(layers, second...)
	return append(layers, nn.Layer{Name: "suppression", Kind: "boxes", Time: t.Postprocess}), nil
}

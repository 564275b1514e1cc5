package api

import (
	"context"
	"image"

	"example.com/riffle/detector"
)

// FromDetector makes a [Detector] of package detector's.
func FromDetector(d *detector.Detector) Detector {
	in := d.Info()
	info := Info{Name: in.Name, Width: in.Width, Height: in.Height, MACs: in.MACs, AP: in.AP.AP}
	for _, c := range in.Classes {
		info.Classes = append(info.Classes, Class{ID: c.ID, Name: c.Name})
	}
	return &adapter{d, info}
}

type adapter struct {
	detector *detector.Detector
	info     Info
}

func (a *adapter) Info() Info { return a.info }

func (a *adapter) DecodeSize() image.Point { return a.detector.DecodeSize() }

// Detect asks for everything the model reports: requests filter by themselves.
func (a *adapter) Detect(ctx context.Context, photo image.Image) ([]Detection, []Stage, error) {
	r, err := a.detector.Detect(ctx, photo, detector.Filter{Threshold: detector.Everything})
	if err != nil {
		return nil, nil, err
	}
	found := make([]Detection, len(r.Detections))
	for i, d := range r.Detections {
		found[i] = Detection{
			Label: d.Label, CategoryID: d.CategoryID, Score: d.Score,
			Box: [4]float32{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2},
		}
	}
	t := r.Timing
	return found, []Stage{
		{"preprocess", t.Preprocess},
		{"network", t.Network},
		{"proposals", t.Proposals},
		{"second_stage", t.SecondStage},
		{"postprocess", t.Postprocess},
	}, nil
}

package eval

import (
	"bytes"
	"testing"
)

// splitMix is SplitMix64, which training/vectors/eval.py has too, so that a
// large set can be made on both sides instead of being stored.
type splitMix uint64

func (s *splitMix) below(n uint64) float64 {
	*s += 0x9E3779B97F4A7C15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z ^ z>>31) % n)
}

// synthetic makes the same draws in the same order as synthetic() of
// training/vectors/eval.py.
func synthetic(seed uint64, images, categories, perImage, found int) (*Dataset, []Detection) {
	s := splitMix(seed)
	d := &Dataset{Format: FormatCOCO, Labeled: true}
	for k := range categories {
		d.Categories = append(d.Categories, Category{ID: k + 1, Name: "class " + string(rune('A'+k%26))})
	}
	var dets []Detection
	for image := 1; image <= images; image++ {
		d.Images = append(d.Images, Image{ID: image, Width: 640, Height: 480})
		first := len(d.Objects)
		for range perImage {
			o := Object{ID: len(d.Objects) + 1, Image: image, Category: int(s.below(uint64(categories))) + 1}
			o.Box.X, o.Box.Y = s.below(4000)/8, s.below(3000)/8
			o.Box.W, o.Box.H = (s.below(1600)+8)/8, (s.below(1600)+8)/8
			o.Area = o.Box.Area() * 0.75
			o.Crowd = s.below(20) == 0
			d.Objects = append(d.Objects, o)
		}
		for range found {
			o := d.Objects[first+int(s.below(uint64(perImage)))]
			det := Detection{Image: image, Category: o.Category, Box: o.Box}
			if s.below(4) == 0 {
				det.Category = int(s.below(uint64(categories))) + 1
				det.Box.X, det.Box.Y = s.below(4000)/8, s.below(3000)/8
			}
			det.Box.X += (s.below(161) - 80) / 8
			det.Box.Y += (s.below(161) - 80) / 8
			det.Box.W *= (s.below(32) + 48) / 64
			det.Box.H *= (s.below(32) + 48) / 64
			det.Score = s.below(10000) / 10000
			dets = append(dets, det)
		}
	}
	return d, dets
}

// BenchmarkScore scores 5,000 images with 100 detections each. Its twin is
// "python training/vectors/eval.py --bench".
func BenchmarkScore(b *testing.B) {
	d, dets := synthetic(1, 5000, 80, 7, 100)
	for b.Loop() {
		m, err := Score(d, dets)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(m.AP, "AP")
	}
}

// BenchmarkAnalyze works out the whole report of the same set.
func BenchmarkAnalyze(b *testing.B) {
	d, dets := synthetic(1, 5000, 80, 7, 100)
	for b.Loop() {
		if _, err := Analyze(d, dets, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadResults reads the same set's detections from JSON.
func BenchmarkReadResults(b *testing.B) {
	d, dets := synthetic(1, 5000, 80, 7, 100)
	var file bytes.Buffer
	if err := WriteResults(&file, d, dets); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := ReadResults(bytes.NewReader(file.Bytes()), d); err != nil {
			b.Fatal(err)
		}
	}
}

package eval

import (
	"cmp"
	"math"
	"slices"
)

// Picture is one photo with its truth and what was found in it, to be drawn
// side by side.
type Picture struct {
	Image Image
	// Cost ranks the pictures: each missed object costs the square root of the
	// share of the photo it covers (a missed bus is worse than a missed
	// spoon), each false detection that times its score.
	Cost   float64
	Missed int
	False  int
	Truth  []Mark
	Found  []Mark // detections from the report's threshold on, the highest score first
}

// Mark is one box to draw.
type Mark struct {
	Box   Box
	Label string
	Score float64 // of a detection
	Kind  MarkKind
	Error ErrorType // what is wrong with a MarkFalse
}

// MarkKind says what became of a box.
type MarkKind int

// The kinds of marks.
const (
	MarkRight   MarkKind = iota // an object that was found, a detection that is right
	MarkMissed                  // an object that was not found
	MarkFalse                   // a detection that is wrong
	MarkIgnored                 // a crowd or an ignored object, or a detection that fell to one
)

func (e *evaluation) worst(images perImage, v *verdicts, threshold float64, n int) []Picture {
	pictures := make([]Picture, len(images.dets))
	parallel(len(pictures), func() func(int) {
		return func(i int) {
			pictures[i] = e.picture(e.set.Images[i], v, images.dets[i], images.objs[i], threshold)
		}
	})
	pictures = slices.DeleteFunc(pictures, func(p Picture) bool { return p.Missed+p.False == 0 })
	slices.SortStableFunc(pictures, func(a, b Picture) int { return cmp.Compare(b.Cost, a.Cost) })
	return slices.Clone(pictures[:min(n, len(pictures))])
}

func (e *evaluation) picture(im Image, v *verdicts, dets []place, objs []int32, threshold float64) Picture {
	p := Picture{Image: im}
	weight := func(b Box) float64 {
		if im.Width <= 0 || im.Height <= 0 {
			return 1
		}
		return math.Sqrt(max(0, min(1, b.Area()/(float64(im.Width)*float64(im.Height)))))
	}
	found := make(map[int32]bool)
	for _, at := range dets {
		m := e.categories[at.category].m
		det := &e.dets[m.det[at.at]]
		if det.Score < threshold {
			continue
		}
		mark := Mark{Box: det.Box, Label: e.set.Categories[at.category].Name, Score: det.Score}
		switch {
		case m.ignored[sizeAll][at.at]&1 != 0:
			mark.Kind = MarkIgnored
		case m.matched[sizeAll][at.at]&1 != 0:
			found[m.object[at.at]] = true
		default:
			mark.Kind, mark.Error = MarkFalse, v.of[at.category][at.at].err
			p.False++
			p.Cost += det.Score * weight(det.Box)
		}
		p.Found = append(p.Found, mark)
	}
	slices.SortStableFunc(p.Found, func(a, b Mark) int { return cmp.Compare(b.Score, a.Score) })
	for _, o := range objs {
		obj := &e.objs[o]
		mark := Mark{Box: obj.Box, Label: e.set.Categories[e.row[obj.Category]].Name}
		switch {
		case !counts(obj):
			mark.Kind = MarkIgnored
		case !found[o]:
			mark.Kind, mark.Error = MarkMissed, ErrMissed
			p.Missed++
			p.Cost += weight(obj.Box)
		}
		p.Truth = append(p.Truth, mark)
	}
	return p
}

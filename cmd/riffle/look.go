package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/eval"
	"example.com/riffle/photo"
)

// look runs a detector on the photos of a data set.
type look struct {
	detector *riffle.Detector
	tiles    tilesFlag
	limits   photo.Limits
	category map[int]int // the detector's class id to the data set's

	mu    sync.Mutex
	sizes map[string]eval.Image // by path, with the size that the annotations say
	wrong int                   // photos of another size
	first string                // what is wrong with the first of them

	damaged      int // photos
	firstDamaged string
}

// newLook matches the detector's classes with the data set's by name; without
// lists the categories that the detector does not know.
func newLook(d *riffle.Detector, tiles tilesFlag, limits photo.Limits, set *eval.Dataset) (l *look, without []eval.Category) {
	l = &look{detector: d, tiles: tiles, limits: limits, sizes: make(map[string]eval.Image, len(set.Images))}
	var classes []eval.Category
	for _, c := range d.Info().Classes {
		classes = append(classes, eval.Category{ID: c.ID, Name: c.Name})
	}
	l.category, without = set.MatchClasses(classes)
	for _, im := range set.Images {
		if im.Width > 0 && im.Height > 0 {
			l.sizes[im.Path] = im
		}
	}
	return l, without
}

// photo finds the objects of one photo.
func (l *look) photo(ctx context.Context, path string) ([]eval.Detection, error) {
	p, err := readPhoto(path, nil, l.tiles.decode(l.limits, l.detector.DecodeSize()))
	if err != nil {
		return nil, err
	}
	found, err := l.detector.Detect(ctx, p, detector.Filter{Threshold: detector.Everything, Tiles: l.tiles.Tiles})
	if err != nil {
		return nil, err
	}
	l.checkSize(path, found.Width, found.Height)
	l.noteDamage(path, p.Warnings)
	dets := make([]eval.Detection, 0, len(found.Detections))
	for _, f := range found.Detections {
		id, ok := l.category[f.CategoryID]
		if !ok {
			continue
		}
		x, y := float64(f.Box.X1), float64(f.Box.Y1)
		dets = append(dets, eval.Detection{
			Category: id, Score: float64(f.Score),
			Box: eval.Box{X: x, Y: y, W: float64(f.Box.X2) - x, H: float64(f.Box.Y2) - y},
		})
	}
	return dets, nil
}

// checkSize notes photos of another size than the annotations say: their boxes
// cannot match.
func (l *look) checkSize(path string, width, height int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	im, ok := l.sizes[path]
	if !ok || im.Width == width && im.Height == height {
		return
	}
	if l.wrong++; l.wrong == 1 {
		l.first = fmt.Sprintf("%s is %dx%d, not %dx%d", im.File, width, height, im.Width, im.Height)
	}
}

// noteDamage counts the photos that were shown as far as they go.
func (l *look) noteDamage(path string, warnings []string) {
	if len(warnings) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.damaged++; l.damaged == 1 {
		l.firstDamaged = path + ": " + warnings[0]
	}
}

func (l *look) damage() []string {
	if l.damaged == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d photos are damaged and were looked at as far as they go (first: %s)", l.damaged, l.firstDamaged)}
}

func (l *look) wrongSizes() []string {
	if l.wrong == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d photos have not the size that the annotations say (%s): their boxes will not match", l.wrong, l.first)}
}

// terminalFile is w if it is a terminal, else nil.
func terminalFile(w io.Writer) *os.File {
	if !isTerminal(w) {
		return nil
	}
	return w.(*os.File)
}

package detector

import (
	"context"
	"image"
	"image/color"
	"image/draw"
	"slices"
	"strings"
	"testing"
)

func TestParseTiles(t *testing.T) {
	for text, want := range map[string]string{
		"none": "none", "auto": "auto", "AUTO": "auto", "2x2": "2x2", "3X1": "3x1", "4": "4", "0": "none", "1": "none", "1x1": "none", "8x8": "8x8", "64": "64",
	} {
		if got, err := ParseTiles(text); err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "want auto", "two": "want auto", "-1": "want auto", "100x100": "10000 are more than 64", "65": "65 are more than 64",
		"0x2": "not a grid", "2x": "not a grid", "x": "not a grid", "2x2x2": "not a grid", "99999999999x2": "not a grid", "1.5": "want auto",
	} {
		if got, err := ParseTiles(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
	}
}

// Tiles cover the picture from border to border, lie within it and overlap by a
// third of their sides.
func TestTilesCover(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {7, 500}, {640, 480}, {1919, 1081}, {8000, 50}} {
		for cols := 1; cols <= 5; cols++ {
			for rows := 1; rows <= 3; rows++ {
				parts := Grid(cols, rows).Parts(size, image.Pt(352, 352))
				if parts == nil {
					continue
				}
				covered := image.NewAlpha(image.Rectangle{Max: size})
				for _, p := range parts {
					if p.Empty() || !p.In(covered.Rect) {
						t.Fatalf("%v in %dx%d: tile %v", size, cols, rows, p)
					}
					draw.Draw(covered, p, image.Opaque, image.Point{}, draw.Src)
				}
				if slices.Contains(covered.Pix, 0) {
					t.Errorf("%v in %dx%d: %v leave something out", size, cols, rows, parts)
				}
			}
		}
	}
	got := Grid(2, 2).Parts(image.Pt(1000, 500), image.Pt(352, 352))
	if want := []image.Rectangle{image.Rect(0, 0, 600, 300), image.Rect(400, 0, 1000, 300), image.Rect(0, 200, 600, 500), image.Rect(400, 200, 1000, 500)}; !slices.Equal(got, want) {
		t.Errorf("2x2: %v", got)
	}
}

// What auto and a number make of pictures by their pixels and shapes.
func TestTilesThatSuit(t *testing.T) {
	for _, c := range []struct {
		text       string
		w, h       int
		side       int
		cols, rows int
	}{
		{"auto", 640, 480, 256, 1, 1}, {"auto", 640, 480, 448, 1, 1}, {"auto", 1, 1, 448, 1, 1}, {"auto", 8000, 50, 448, 1, 1},
		{"auto", 1920, 1080, 448, 3, 1}, {"auto", 1280, 720, 256, 3, 2}, {"auto", 3840, 2160, 448, 3, 2}, {"auto", 2160, 3840, 448, 2, 3},
		{"4", 1920, 1080, 448, 3, 1}, {"4", 640, 480, 256, 2, 2}, {"3", 4000, 1000, 448, 3, 1}, {"6", 3000, 2000, 352, 3, 2}, {"9", 3000, 3000, 352, 3, 3}, {"4", 300, 300, 448, 1, 1},
	} {
		tiles, err := ParseTiles(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if cols, rows := tiles.grid(image.Pt(c.w, c.h), image.Pt(c.side, c.side)); cols != c.cols || rows != c.rows {
			t.Errorf("%s of %dx%d at %d: %dx%d, want %dx%d", c.text, c.w, c.h, c.side, cols, rows, c.cols, c.rows)
		}
	}
}

// A photo is reduced while it is decoded as far as tiles still fill the input.
func TestTilesDecodeSize(t *testing.T) {
	size, input := image.Pt(3840, 2160), image.Pt(448, 448)
	if got := (Tiles{}).DecodeSize(size, input); got != input {
		t.Errorf("none: %v", got)
	}
	if got := Grid(2, 2).DecodeSize(size, input); got != image.Pt(747, 747) {
		t.Errorf("2x2: %v", got)
	}
	if got := Grid(2, 2).DecodeSize(size, image.Point{}); got != (image.Point{}) {
		t.Errorf("a kind that samples the file's own pixels: %v", got)
	}
}

func TestMergeDropsWhatABorderCuts(t *testing.T) {
	size, input := image.Pt(1000, 1000), image.Pt(100, 100)
	whole, tile := image.Rectangle{Max: size}, image.Rect(0, 0, 600, 600)
	m := merger{size: size}
	m.add([]classBox{{Box{0, 0, 100, 100}, 0.9, 0}, {Box{10, 10, 20, 20}, 0.5, 1}}, whole, input)
	m.add([]classBox{
		{Box{0, 0, 30, 30}, 0.8, 2},    // at the picture's own border
		{Box{50, 50, 100, 70}, 0.8, 3}, // cut by an inner one
		{Box{17, 17, 33, 33}, 0.7, 1},  // the whole look's, seen better
		{Box{66, 66, 96, 96}, 0.6, 4},  // close to the border
		{Box{20, 20, 60, 50}, 0.8, 5},  // larger than the overlap: the whole look's
	}, tile, input)
	got := m.merged(new(Suppressor), 100)
	var classes []int
	for _, f := range got {
		classes = append(classes, f.Class)
	}
	if !slices.Equal(classes, []int{0, 2, 1, 4}) {
		t.Fatalf("%+v", got)
	}
	if b := got[2].Box; b != (Box{102, 102, 198, 198}) || got[2].Score != 0.7 {
		t.Errorf("%+v", got[2])
	}
	if limited := m.merged(new(Suppressor), 2); len(limited) != 2 || limited[1].Class != 2 {
		t.Errorf("limited: %+v", limited)
	}
}

// In a large scene small objects are found in tiles that the whole does not show,
// boxes are in the scene's pixels, and time and frames are as for single looks.
func TestDetectWithTiles(t *testing.T) {
	d := trained(t)
	if d.Info().ISA == "generic" {
		t.Skip("takes a minute in pure Go")
	}
	scene := image.NewRGBA(image.Rect(0, 0, 2400, 1600))
	draw.Draw(scene, scene.Rect, image.NewUniform(color.Gray{120}), image.Point{}, draw.Src)
	src := street(t)
	at := src.Rect.Add(image.Pt(1500, 250))
	draw.Draw(scene, at, src, image.Point{}, draw.Src)
	ctx := context.Background()
	detect := func(img image.Image, f Filter) []Detection {
		t.Helper()
		r, err := d.Detect(ctx, img, f)
		if err != nil {
			t.Fatal(err)
		}
		if r.Width != 2400 || r.Height != 1600 {
			t.Errorf("%d x %d", r.Width, r.Height)
		}
		return r.Detections
	}
	alone, tiled := detect(scene, Filter{Threshold: 0.3}), detect(scene, Filter{Threshold: 0.3, Tiles: Grid(3, 2)})
	inside := 0
	for _, f := range tiled {
		if b := f.Box; b.X1 > float32(at.Min.X)-20 && b.Y1 > float32(at.Min.Y)-20 && b.X2 < float32(at.Max.X)+20 && b.Y2 < float32(at.Max.Y)+20 {
			inside++
		}
	}
	if len(tiled) < len(alone)+2 || inside < 3 {
		t.Errorf("%d objects without tiles, %d with, of which %d where the street is", len(alone), len(tiled), inside)
	}
	if framed := detect(frameOf(scene, 3), Filter{Threshold: 0.3, Tiles: Grid(3, 2)}); len(framed) != len(tiled) {
		t.Errorf("%d objects in the picture, %d in the frame", len(tiled), len(framed))
	}
	part := detect(scene, Filter{Threshold: 0.3, Part: at})
	if len(part) < 3 || part[0].Box.X1 < float32(at.Min.X) || part[0].Box.X2 > float32(at.Max.X) {
		t.Errorf("the street alone: %v", part)
	}
	for what, f := range map[string]Filter{"part": {Part: image.Rect(0, 0, 2401, 10)}, "tiles": {Tiles: Grid(9, 9)}} {
		if _, err := d.Detect(ctx, scene, f); err == nil || !strings.HasPrefix(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.Detect(ended, scene, Filter{Tiles: Grid(2, 2)}); err == nil {
		t.Error("no error of a context that has ended")
	}
}

package detector

import (
	"image"
	"image/color"
	"image/draw"
	"testing"

	"example.com/riffle/photo"
)

func grey(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.NewUniform(color.RGBA{120, 120, 120, 255}), image.Point{}, draw.Src)
	return img
}

func TestDrawBoxesAndLabels(t *testing.T) {
	img := grey(400, 300)
	out := Draw(img, []Detection{{Label: "cat", CategoryID: 17, Score: 0.9, Box: Box{100, 100, 300, 250}}})
	if out.Rect != img.Rect {
		t.Fatalf("bounds %v, want %v", out.Rect, img.Rect)
	}
	for name, p := range map[string]image.Point{
		"left side": {100, 180}, "right side": {299, 180}, "bottom": {200, 249}, "label's ground": {101, 85},
	} {
		if got, want := out.RGBAAt(p.X, p.Y), ClassColor(17); got != want {
			t.Errorf("%s %v is %v, want the class's %v", name, p, got, want)
		}
	}
	for name, p := range map[string]image.Point{"inside": {200, 180}, "outside": {50, 280}} {
		if got, want := out.RGBAAt(p.X, p.Y), img.RGBAAt(p.X, p.Y); got != want {
			t.Errorf("%s %v is %v, want the picture's %v", name, p, got, want)
		}
	}
	if got := img.RGBAAt(100, 180); got != (color.RGBA{120, 120, 120, 255}) {
		t.Errorf("the picture itself was drawn into: %v", got)
	}
	letters := 0
	for x := 100; x < 180; x++ {
		for y := 75; y < 99; y++ {
			if out.RGBAAt(x, y) == ink(ClassColor(17)) {
				letters++
			}
		}
	}
	if letters < 15 {
		t.Errorf("%d pixels of ink in the label", letters)
	}
}

// TestDrawPlacesLabels wants labels within the picture and apart from each other
// wherever the boxes are.
func TestDrawPlacesLabels(t *testing.T) {
	c := newCanvas(grey(640, 480))
	defer c.close()
	boxes := []Box{
		{0, 0, 60, 60}, {600, 0, 640, 40}, {0, 440, 50, 480}, {590, 430, 640, 480}, // corners
		{300, 200, 340, 260}, {302, 202, 342, 262}, {304, 204, 340, 264}, {298, 198, 345, 270}, // a heap
		{0, 0, 640, 480}, {-20, -20, 700, 500}, // all of the picture
		{320, 470, 330, 600}, {630, 200, 640, 210},
	}
	var labels []label
	for i, b := range boxes {
		labels = append(labels, c.place(&Detection{Label: "hair drier", CategoryID: i, Score: 0.5, Box: b}))
	}
	for i, a := range labels {
		if !a.ground.In(c.img.Rect) {
			t.Errorf("label %d at %v leaves the picture", i, a.ground)
		}
		for j, b := range labels[:i] {
			if a.ground.Overlaps(b.ground) {
				t.Errorf("labels %d and %d overlap: %v, %v", i, j, a.ground, b.ground)
			}
		}
	}
}

func TestDrawOnAnySize(t *testing.T) {
	d := []Detection{
		{Label: "traffic light", CategoryID: 10, Score: 1, Box: Box{-5, -5, 3, 3}},
		{Label: "dog", CategoryID: 18, Score: 0.4, Box: Box{0.2, 0.2, 0.3, 0.3}},
		{Label: "dog", CategoryID: 18, Score: 0.4, Box: Box{9000, 9000, 9001, 9001}},
	}
	for _, size := range []image.Point{{1, 1}, {16, 16}, {3, 500}, {2000, 20}} {
		out := Draw(grey(size.X, size.Y), d)
		if out.Rect.Max != size {
			t.Errorf("bounds %v, want %v", out.Rect, size)
		}
	}
}

func TestDrawScalesWithThePicture(t *testing.T) {
	small := newCanvas(grey(640, 480))
	defer small.close()
	big := newCanvas(grey(6400, 4800))
	defer big.close()
	if big.line != 10*small.line && big.line < 8*small.line {
		t.Errorf("line %d px on 640 x 480, %d px on ten times that", small.line, big.line)
	}
	if big.height < 8*small.height {
		t.Errorf("label %d px high on 640 x 480, %d px on ten times that", small.height, big.height)
	}
}

func TestDrawTurnsPhotos(t *testing.T) {
	out := Draw(&photo.Photo{Stored: grey(60, 40), Orientation: 8}, []Detection{{Label: "cat", CategoryID: 17, Score: 1, Box: Box{0, 10, 40, 60}}})
	if out.Rect.Max != image.Pt(40, 60) {
		t.Errorf("bounds %v", out.Rect)
	}
	if got := out.RGBAAt(20, 59); got != ClassColor(17) {
		t.Errorf("the upright picture's bottom is %v", got)
	}
}

func TestDrawPutsTheBestOnTop(t *testing.T) {
	low := Detection{Label: "a", CategoryID: 1, Score: 0.3, Box: Box{50, 50, 150, 150}}
	high := Detection{Label: "b", CategoryID: 2, Score: 0.8, Box: Box{50, 50, 150, 150}}
	for _, order := range [][]Detection{{low, high}, {high, low}} {
		if got := Draw(grey(200, 200), order).RGBAAt(50, 100); got != ClassColor(2) {
			t.Errorf("the box on top is %v, want the better one's %v", got, ClassColor(2))
		}
	}
}

func TestClassColorsDiffer(t *testing.T) {
	seen := map[color.RGBA]int{}
	for id := 1; id <= 90; id++ {
		c := ClassColor(id)
		if other, ok := seen[c]; ok {
			t.Errorf("classes %d and %d have the same colour", id, other)
		}
		seen[c] = id
		if c.A != 255 {
			t.Errorf("class %d is transparent", id)
		}
	}
	if ClassColor(-7).A != 255 {
		t.Error("a negative id has no colour")
	}
}

func TestInkContrasts(t *testing.T) {
	if got := ink(color.RGBA{255, 255, 0, 255}); got.R != 0 {
		t.Errorf("ink on yellow is %v", got)
	}
	if got := ink(color.RGBA{90, 0, 120, 255}); got.R != 255 {
		t.Errorf("ink on purple is %v", got)
	}
}

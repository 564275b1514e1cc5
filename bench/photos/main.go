// The program makes the photos that docs/architecture.md gives the times of:
//
//	go run ./bench/photos OUT
//	riffle bench --arch riffle-v2-1.5x --photo OUT/640x480.jpg --photo OUT/1920x1080.jpg --photo OUT/3840x2160.jpg
//
// Each is docs/street.jpg laid side by side at its own resolution until the size
// is full, so that a large photo has as much detail, and as many bytes a pixel,
// as a sharp camera's. Quality 90, 4:2:0.
package main

import (
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"log"
	"os"
	"path/filepath"
)

var sizes = []image.Point{{X: 640, Y: 480}, {X: 1920, Y: 1080}, {X: 3840, Y: 2160}}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: photos OUT")
	}
	if err := run("docs/street.jpg", os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(source, out string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	tile, err := jpeg.Decode(f)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, size := range sizes {
		img := image.NewRGBA(image.Rectangle{Max: size})
		step := tile.Bounds().Size()
		for y := 0; y < size.Y; y += step.Y {
			for x := 0; x < size.X; x += step.X {
				at := image.Pt(x, y)
				draw.Draw(img, image.Rectangle{at, at.Add(step)}, tile, tile.Bounds().Min, draw.Src)
			}
		}
		if err := write(filepath.Join(out, fmt.Sprintf("%dx%d.jpg", size.X, size.Y)), img); err != nil {
			return err
		}
	}
	return nil
}

func write(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := jpeg.Encode(f, img, &jpeg.Options{Quality: 90}); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

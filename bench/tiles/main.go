// Command tiles writes what the default detector finds in photos and in each of
// their tiles, look by look, for bench/tiles/merge.py to compare ways of putting
// looks together. The first look is at the whole photo.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"os"
	"path/filepath"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

type look struct {
	Part  [4]int       `json:"part"`
	Found [][6]float32 `json:"found"` // category, score, box
}

func main() {
	tiles := flag.String("tiles", "2x2", "grid")
	images := flag.String("images", "", "folder of the photos")
	annotations := flag.String("annotations", "", "COCO file that lists them")
	flag.Parse()
	if err := run(*tiles, *images, *annotations); err != nil {
		fmt.Fprintln(os.Stderr, "tiles:", err)
		os.Exit(1)
	}
}

func run(tiles, images, annotations string) error {
	grid, err := detector.ParseTiles(tiles)
	if err != nil {
		return err
	}
	d, err := riffle.Open("", riffle.Options{Threads: 1, Workers: 1})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(annotations)
	if err != nil {
		return err
	}
	var set struct {
		Images []struct {
			ID   int    `json:"id"`
			File string `json:"file_name"`
		} `json:"images"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	e := json.NewEncoder(out)
	for _, im := range set.Images {
		p, err := photo.Open(filepath.Join(images, im.File), photo.Options{})
		if err != nil {
			return err
		}
		looks, err := looksAt(d, p, grid)
		if err != nil {
			return err
		}
		if err := e.Encode(map[string]any{"image_id": im.ID, "looks": looks}); err != nil {
			return err
		}
	}
	return out.Flush()
}

func looksAt(d *riffle.Detector, p *photo.Photo, grid detector.Tiles) ([]look, error) {
	input := image.Pt(d.Info().Width, d.Info().Height)
	var looks []look
	for _, part := range append([]image.Rectangle{{Max: p.Size()}}, grid.Parts(p.Size(), input)...) {
		r, err := d.Detect(context.Background(), p, detector.Filter{Threshold: detector.Everything, Part: part})
		if err != nil {
			return nil, err
		}
		l := look{Part: [4]int{part.Min.X, part.Min.Y, part.Max.X, part.Max.Y}}
		for _, f := range r.Detections {
			l.Found = append(l.Found, [6]float32{float32(f.CategoryID), f.Score, f.Box.X1, f.Box.Y1, f.Box.X2, f.Box.Y2})
		}
		looks = append(looks, l)
	}
	return looks, nil
}

package detector_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

// A photo in, boxes in its own pixels out.
func Example() {
	weights, err := os.ReadFile("../models/riffle-v2-1.5x.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	d, err := detector.New(weights, detector.Options{})
	if err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile("../docs/street.jpg")
	if err != nil {
		log.Fatal(err)
	}
	p, err := photo.Decode(data, photo.Options{Size: d.DecodeSize()})
	if err != nil {
		log.Fatal(err)
	}
	r, err := d.Detect(context.Background(), p, detector.Filter{Labels: []string{"car"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, found := range r.Detections {
		fmt.Printf("%s at x = %.0f to %.0f, y = %.0f to %.0f\n", found.Label, found.Box.X1, found.Box.X2, found.Box.Y1, found.Box.Y2)
	}
	// Output:
	// car at x = 733 to 768, y = 52 to 94
	// car at x = 652 to 721, y = 45 to 97
}

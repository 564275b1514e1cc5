package detector_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"log"
	"os"

	"example.com/riffle/detector"
)

// A photo in, boxes and a drawn picture out.
func Example() {
	if err := detect("model.safetensors", "street.jpg", "drawn.png"); err != nil {
		log.Fatal(err)
	}
}

func detect(model, photoFile, drawnFile string) error {
	weights, err := os.ReadFile(model)
	if err != nil {
		return err
	}
	d, err := detector.New(weights, detector.Options{Query: detector.Query{Threshold: 0.3}})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(photoFile)
	if err != nil {
		return err
	}
	photo, err := detector.Decode(data, detector.Limits{})
	if err != nil {
		return err
	}
	result, err := d.Detect(context.Background(), photo)
	if err != nil {
		return err
	}
	for _, found := range result.Detections {
		fmt.Printf("%s %.2f %v\n", found.Label, found.Score, found.Box)
	}
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, detector.Draw(photo, result.Detections)); err != nil {
		return err
	}
	return os.WriteFile(drawnFile, drawn.Bytes(), 0o644)
}

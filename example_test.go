package riffle_test

import (
	"context"
	"fmt"
	"log"

	"example.com/riffle"
)

func Example() {
	d, err := riffle.Open("", riffle.Options{})
	if err != nil {
		log.Fatal(err)
	}
	r, err := d.DetectFile(context.Background(), "docs/street.jpg", riffle.Filter{Labels: []string{"car"}})
	if err != nil {
		log.Fatal(err)
	}
	for _, found := range r.Detections {
		fmt.Println(found.Label, found.Score > 0.3)
	}
	// Output:
	// car true
	// car true
}

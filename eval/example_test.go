package eval_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"example.com/riffle/eval"
)

// A detector is run over a data set and scored. Cancelled, it goes on next
// time from out.json.
func Example() {
	detect := func(context.Context, string) ([]eval.Detection, error) { return nil, nil }

	set, err := eval.Open("val/images", "val/instances.json")
	if err != nil {
		log.Fatal(err)
	}
	r := eval.Runner{Detect: detect, Workers: 2, Results: "out.json", Made: "model, threshold", Progress: os.Stderr}
	run, err := r.Run(context.Background(), set)
	if err != nil {
		log.Fatal(err)
	}
	report, err := eval.Analyze(set.Only(run.Images), run.Detections, eval.Options{})
	if err != nil {
		log.Fatal(err)
	}
	report.Timings = run.Timings
	if err := report.WriteText(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func ExampleScore() {
	set := &eval.Dataset{
		Labeled:    true,
		Images:     []eval.Image{{ID: 1}},
		Categories: []eval.Category{{ID: 1, Name: "cat"}},
		Objects: []eval.Object{
			{ID: 1, Image: 1, Category: 1, Box: eval.Box{X: 10, Y: 10, W: 100, H: 100}, Area: 10000},
			{ID: 2, Image: 1, Category: 1, Box: eval.Box{X: 200, Y: 10, W: 20, H: 20}, Area: 400},
		},
	}
	m, err := eval.Score(set, []eval.Detection{
		{Image: 1, Category: 1, Box: eval.Box{X: 10, Y: 10, W: 100, H: 90}, Score: 0.8},
	})
	fmt.Printf("%.3f %.3f %.3f %v\n", m.AP50, m.APl, m.APs, err)
	// Output: 0.505 0.900 0.000 <nil>
}

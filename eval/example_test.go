package eval_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"example.com/riffle/eval"
)

// Somebody's results file is scored against COCO annotations.
func Example() {
	truth := `{"images":[{"id":1,"file_name":"street.jpg"}],"categories":[{"id":1,"name":"cat"}],
		"annotations":[{"image_id":1,"category_id":1,"bbox":[10,10,100,100]}]}`
	found := `[{"image_id":"street.jpg","category_id":1,"bbox":[10,10,100,90],"score":0.8},
		{"image_id":1,"category_id":7,"bbox":[10,10,100,90],"score":0.8}]`

	set, err := eval.ReadCOCO(strings.NewReader(truth))
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := eval.ReadResults(strings.NewReader(found), set)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := eval.Analyze(set, results.Detections, eval.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("AP %.3f, AP50 %.3f, best F1 at score %.3f\n", report.AP, report.AP50, report.Confidence.Best.Threshold)
	fmt.Println(results.LeftOut[0])
	// Output:
	// AP 0.900, AP50 1.000, best F1 at score 0.800
	// 1 detections of categories that the data set does not have (first: entry 2, category 7)
}

// A detector is run over a data set's photos. With Results it would go on from
// that file after an interruption.
func ExampleRunner() {
	set := &eval.Dataset{
		Labeled:    true,
		Images:     []eval.Image{{ID: 1, Path: "a.jpg"}, {ID: 2, Path: "b.jpg"}},
		Categories: []eval.Category{{ID: 1, Name: "cat"}},
		Objects:    []eval.Object{{ID: 1, Image: 1, Category: 1, Box: eval.Box{X: 10, Y: 10, W: 100, H: 100}, Area: 10000}},
	}
	runner := eval.Runner{
		Workers: 2,
		Detect: func(_ context.Context, path string) ([]eval.Detection, error) {
			if path == "b.jpg" {
				return nil, os.ErrNotExist
			}
			return []eval.Detection{{Category: 1, Box: eval.Box{X: 10, Y: 10, W: 100, H: 100}, Score: 0.9}}, nil
		},
	}
	run, err := runner.Run(context.Background(), set)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range run.Skipped {
		fmt.Println(s.Image.Path+":", s.Err)
	}
	m, err := eval.Score(set.Only(run.Images), run.Detections)
	fmt.Printf("AP %.1f of %d photos %v\n", m.AP, m.Images, err)
	// Output:
	// b.jpg: file does not exist
	// AP 1.0 of 1 photos <nil>
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

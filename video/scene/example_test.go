package scene_test

import (
	"fmt"
	"time"

	"example.com/riffle/video/scene"
)

// A person walks to the right through a zone and over a line.
func Example() {
	watcher, err := scene.New(scene.Config{
		Zones: []scene.Zone{{Name: "door", Points: []scene.Point{{X: 0.3}, {X: 0.6}, {X: 0.6, Y: 1}, {X: 0.3, Y: 1}}}},
		Lines: []scene.Line{{Name: "gate", From: scene.Point{X: 0.5, Y: 0}, To: scene.Point{X: 0.5, Y: 1}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	const width, height = 640, 480
	for i := range 20 {
		at := time.Duration(i) * 200 * time.Millisecond
		x := 32 * float64(i)
		person := scene.Object{ID: 1, Label: "person", Box: [4]float64{x - 20, 200, x + 20, 400}, Seen: true, Last: at}
		for _, e := range watcher.Update(at, width, height, []scene.Object{person}, nil) {
			fmt.Println(e.At, e)
		}
	}
	fmt.Println(watcher.Counts()[0].In, "in")
	// Output:
	// 0s person 1 appeared
	// 1.2s person 1 entered zone door
	// 2.2s person 1 crossed line gate, in
	// 3.2s person 1 left zone door, stayed 1.4 s
	// 1 in
}

package scene

import (
	"fmt"
	"testing"
	"time"
)

// watch feeds a watcher one object, frame by frame, and then ends it.
func watch(t *testing.T, cfg Config, frames int, object func(i int) Object) []string {
	t.Helper()
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	add := func(i int, events []Event) {
		for _, e := range events {
			out = append(out, fmt.Sprintf("%d: %s", i, e))
		}
	}
	for i := range frames {
		o := object(i)
		o.ID, o.Seen, o.Last = 7, true, time.Duration(i)*frame
		add(i, w.Update(o.Last, width, height, []Object{o}, nil))
	}
	add(frames, w.Update(time.Duration(frames)*frame, width, height, nil, []Ended{{ID: 7}}))
	return out
}

var middle = Line{Name: "middle", From: Point{0.5, 0}, To: Point{0.5, 1}}

func moving(i int) [4]float64 {
	x := 200 + 10*float64(i)
	return [4]float64{x - 20, 310, x + 20, 400}
}

// While two labels are close nothing is told; what happened meanwhile is told
// then, under the right one.
func TestACloseLabelIsWaitedFor(t *testing.T) {
	cfg := Config{Lines: []Line{middle}, Zones: []Zone{porch}}
	got := watch(t, cfg, 20, func(i int) Object {
		o := Object{Label: "dog", Contested: i < 15, Box: moving(i)}
		if i >= 10 {
			o.Label = "person"
		}
		return o
	})
	same(t, got, "15: person 7 appeared", "15: person 7 entered zone porch", "15: person 7 crossed line middle, in",
		"20: person 7 left zone porch, stayed 1.9 s", "20: person 7 is gone, was there 1.9 s")
}

// The wait has an end, and one that ends first loses nothing.
func TestACloseLabelIsNotWaitedForForEver(t *testing.T) {
	got := watch(t, Config{}, 30, func(int) Object { return Object{Label: "car", Contested: true} })
	same(t, got, "20: car 7 appeared", "30: car 7 is gone, was there 2.9 s")
	got = watch(t, Config{Lines: []Line{middle}}, 18, func(i int) Object {
		return Object{Label: "car", Contested: i > 0, Box: moving(i)}
	})
	same(t, got, "0: car 7 appeared", "13: car 7 crossed line middle, in", "18: car 7 is gone, was there 1.7 s")
	got = watch(t, Config{}, 5, func(int) Object { return Object{Label: "car", Contested: true} })
	same(t, got, "5: car 7 appeared", "5: car 7 is gone, was there 0.4 s")
}

// A label that changes is told, and the object leaves zones that are not for it.
func TestAnotherLabelIsTold(t *testing.T) {
	dogs := porch
	dogs.Labels = []string{"dog"}
	got := watch(t, Config{Zones: []Zone{dogs}}, 20, func(i int) Object {
		o := Object{Label: "dog", Box: [4]float64{300, 310, 340, 400}}
		if i >= 10 {
			o.Label = "person"
		}
		return o
	})
	same(t, got, "0: dog 7 appeared", "0: dog 7 entered zone porch", "10: person 7 left zone porch, stayed 1.0 s", "10: dog 7 is a person",
		"20: person 7 is gone, was there 1.9 s")
}

func TestAMergedObjectSaysIntoWhich(t *testing.T) {
	w, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	w.Update(0, width, height, []Object{{ID: 3, Label: "car", Seen: true}, {ID: 4, Label: "truck", Seen: true}}, nil)
	events := w.Update(frame, width, height, nil, []Ended{{ID: 4, Into: 3}})
	if len(events) != 1 || events[0].Into != 3 || events[0].String() != "truck 4 is the same as number 3" {
		t.Errorf("%v", events)
	}
}

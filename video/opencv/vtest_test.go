//go:build opencv

package opencv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"example.com/riffle/video"
)

// vtest is OpenCV's sample video of people walking, "" if it is not here: from
// Debian's package opencv-doc, or where RIFFLE_VTEST says.
func vtest() string {
	for _, p := range []string{os.Getenv("RIFFLE_VTEST"), "/usr/share/doc/opencv-doc/examples/data/vtest.avi"} {
		if _, err := os.Stat(p); p != "" && err == nil {
			return p
		}
	}
	return ""
}

// lines is a log to look at.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestVtest holds real video against what a person has boxed: nine of ten
// pedestrians that stand clear have a box, and one who crosses the scene keeps
// his number.
func TestVtest(t *testing.T) {
	path := vtest()
	if path == "" {
		t.Skip("vtest.avi is not here: apt-get install opencv-doc, or set RIFFLE_VTEST")
	}
	t.Cleanup(func() { leaks(t) })
	var truth struct {
		Frames map[int][][4]int
		Walker map[int][4]int
	}
	data, err := os.ReadFile("testdata/vtest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	g := &gathered{}
	out := filepath.Join(t.TempDir(), "out.mp4")
	run(t, video.Config{
		Cameras:  []video.Camera{{Name: "vtest", Source: path, Threshold: threshold, EveryFrame: true, Out: out}},
		Detector: trained(t), Backend: library(t), Sinks: []video.Sink{g}, Log: zerolog.Nop(),
	}, nil)
	if len(g.frames) != 795 {
		t.Fatalf("%d frames", len(g.frames))
	}
	rect := func(b [4]int) image.Rectangle { return image.Rect(b[0], b[1], b[2], b[3]) }
	boxed, all := 0, 0
	for n, people := range truth.Frames {
		for _, b := range people {
			all++
			if covers(&g.frames[n], rect(b), 0.5) > 0 {
				boxed++
			} else {
				t.Logf("frame %d: nobody at %v", n, b)
			}
		}
	}
	t.Logf("%d of %d clear pedestrians have a box", boxed, all)
	if all < 40 || 10*boxed < 9*all {
		t.Errorf("%d of %d clear pedestrians have a box", boxed, all)
	}
	ids := map[int]int{}
	for n, b := range truth.Walker {
		ids[covers(&g.frames[n], rect(b), 0.5)] = n
	}
	if len(ids) != 1 || ids[0] > 0 {
		t.Errorf("the walker has the ids %v", fmt.Sprint(ids))
	}
	plays(t, out, 795, 768, 576)
}

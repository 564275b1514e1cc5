package video

import (
	"bufio"
	"context"
	"encoding/json"
	"image/jpeg"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/riffle/detector"
)

// TestLivePage asks a running loop everything that a browser would.
func TestLivePage(t *testing.T) {
	b := newBench(constantly(func() Capture {
		return &fakeCapture{next: func(_ int, p *fakePicture) error {
			time.Sleep(2 * time.Millisecond)
			p.box = &detector.Box{X1: 10, Y1: 10, X2: 20, Y2: 40}
			return nil
		}}
	}), Camera{Name: "porch", Source: "rtsp://user:secret@h/x"})
	b.cfg.HTTP = "127.0.0.1:0"
	done := make(chan struct{})
	var asked sync.WaitGroup
	var first sync.Once
	r, err := b.run(t, func(r *Runner) bool {
		first.Do(func() {
			asked.Go(func() { defer close(done); ask(t, "http://"+r.Addr()) })
		})
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	asked.Wait()
	if n := len(r.cameras[0].out.hub.watchers); n != 0 {
		t.Errorf("%d watchers are left", n)
	}
}

func ask(t *testing.T, url string) {
	get := func(path string, want int) (http.Header, string) {
		resp, err := http.Get(url + path)
		if err != nil {
			t.Error(err)
			return http.Header{}, ""
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != want {
			t.Errorf("%s: %v", path, resp.Status)
		}
		return resp.Header, string(body)
	}
	if head, body := get("/", http.StatusOK); !strings.Contains(body, "<title>riffle") || head.Get("Content-Security-Policy") == "" {
		t.Errorf("page: %v %.80q", head, body)
	}
	if head, body := get("/cameras/porch/frame.jpg", http.StatusOK); head.Get("Content-Type") != "image/jpeg" {
		t.Errorf("frame: %v %q", head, body)
	} else if _, err := jpeg.Decode(strings.NewReader(body)); err != nil {
		t.Errorf("frame: %v", err)
	}
	var list []struct {
		Name, Source string
		Up           bool
		Frames       int
	}
	if _, body := get("/cameras", http.StatusOK); json.Unmarshal([]byte(body), &list) != nil || len(list) != 1 || !list[0].Up || list[0].Source != "rtsp://h/x" || list[0].Frames == 0 {
		t.Errorf("cameras: %s", body)
	}
	if _, body := get("/metrics", http.StatusOK); !strings.Contains(body, `riffle_camera_up{camera="porch"} 1`) || strings.Contains(body, "secret") {
		t.Errorf("metrics: %.300s", body)
	}
	if _, body := get("/healthz", http.StatusOK); body != "ok\n" {
		t.Errorf("health: %q", body)
	}
	for _, path := range []string{"/cameras/gone/frame.jpg", "/cameras/gone/live.mjpg", "/nowhere"} {
		get(path, http.StatusNotFound)
	}
	liveFrames(t, url)
	liveEvents(t, url)
}

// liveFrames reads three parts of the live picture as a browser does.
func liveFrames(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/cameras/porch/live.mjpg", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/x-mixed-replace" {
		t.Errorf("live picture is %s", kind)
		return
	}
	parts := multipart.NewReader(resp.Body, params["boundary"])
	for range 3 {
		part, err := parts.NextPart()
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := jpeg.Decode(part); err != nil {
			t.Error(err)
		}
	}
}

// liveEvents reads the event that the camera is up, or that an object is new.
func liveEvents(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e Event
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Camera != "porch" || !slices.Contains([]string{"camera_up", "object_new"}, e.Event) {
			t.Errorf("event %s", data)
		}
		return
	}
	t.Errorf("no event: %v", lines.Err())
}

// Nobody waits for a watcher that does not read; there is a limit to their number.
func TestASlowWatcherMissesFrames(t *testing.T) {
	h := newHub()
	frames, leave := h.watch()
	for i := range 100 {
		h.show([]byte{byte(i)})
	}
	if f := <-frames; f[0] != 99 {
		t.Errorf("the watcher gets frame %d", f[0])
	}
	leave()
	if h.watched() {
		t.Error("who left is still there")
	}
	for range maxWatchers {
		h.watch()
	}
	if w, _ := h.watch(); w != nil {
		t.Error("there is no limit to watchers")
	}
}

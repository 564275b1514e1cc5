//go:build opencv

package opencv

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"gocv.io/x/gocv"

	"example.com/riffle/detector"
	"example.com/riffle/video"
)

// blind is a detector that sees nothing, at once.
type blind struct{}

func (blind) Detect(_ context.Context, img image.Image, f detector.Filter) (detector.Result, error) {
	size := img.Bounds().Size()
	return detector.Result{Width: size.X, Height: size.Y, Detections: f.Into}, nil
}

func jpegOf(w, h, shade int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.NewUniform(color.Gray{uint8(shade)}), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestHTTPCamera is a camera that sends MJPEG, changes its resolution, hangs up,
// refuses, comes back, falls silent, and comes back again.
func TestHTTPCamera(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	var visits atomic.Int32
	silent := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/live", func(w http.ResponseWriter, r *http.Request) {
		n := visits.Add(1)
		if n == 2 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "multipart/x-mixed-replace;boundary=frame")
		frames := map[int32]int{1: 40, 3: 20}[n]
		for i := 0; frames == 0 || i < frames; i++ {
			data := jpegOf(320, 240, i%200)
			if n == 1 && i == 5 { // cut off
				data = data[:len(data)-20]
			}
			if n == 1 && i >= 20 {
				data = jpegOf(640, 480, i%200)
			}
			if _, err := fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(data), data); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		if n == 3 {
			select {
			case <-silent:
			case <-r.Context().Done():
			}
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	g := &gathered{}
	var log lines
	out := filepath.Join(t.TempDir(), "out.avi")
	run(t, video.Config{
		Cameras:  []video.Camera{{Name: "http", Source: "http://" + listener.Addr().String() + "/live", Threshold: threshold, Out: out}},
		Detector: blind{}, Backend: library(t), Sinks: []video.Sink{g}, Log: zerolog.New(&log),
		Open: 20 * time.Second, Stall: 1500 * time.Millisecond, Retry: 50 * time.Millisecond, RetryMax: 200 * time.Millisecond,
	}, func() bool {
		if g.count("camera_up") < 3 {
			return false
		}
		select {
		case <-silent:
		default:
			close(silent) // the reader that was given up comes to its end
		}
		return g.seen() > 60
	})
	for text, least := range map[string]int{"resolution changed from 320 x 240": 1, `"reason":"ended"`: 1, "a frame is damaged": 1, `"reason":"stall"`: 1, "camera is back": 2} {
		if n := strings.Count(log.text(), text); n < least {
			t.Errorf("the log says %q %d times:\n%s", text, n, log.text())
		}
	}
	if up, down := g.count("camera_up"), g.count("camera_down"); up != 3 || down != 2 {
		t.Errorf("%d times up, %d times down:\n%s", up, down, log.text())
	}
	plays(t, out, 0, 320, 240)
}

// TestRTSPCamera reads from a server of another make, which is killed and started
// anew in the middle. RIFFLE_RTSP_SERVER names the program of _rtsp.
func TestRTSPCamera(t *testing.T) {
	program := os.Getenv("RIFFLE_RTSP_SERVER")
	if program == "" {
		t.Skip("RIFFLE_RTSP_SERVER is not set: see .ci/camera")
	}
	t.Cleanup(func() { leaks(t) })
	dir := t.TempDir()
	frames(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	serve := func() *exec.Cmd {
		cmd := exec.Command(program, "-addr", addr, "-fps", "15", dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 500 { // until it listens
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return cmd
	}
	server := serve()
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	g := &gathered{}
	var log lines
	var killed, again int
	out := filepath.Join(t.TempDir(), "out.mp4")
	run(t, video.Config{
		Cameras:  []video.Camera{{Name: "rtsp", Source: "rtsp://" + addr + "/camera", Threshold: threshold, Out: out}},
		Detector: blind{}, Backend: library(t), Sinks: []video.Sink{g}, Log: zerolog.New(&log),
		Open: 20 * time.Second, Stall: 3 * time.Second, Retry: 200 * time.Millisecond, RetryMax: time.Second,
	}, func() bool {
		switch n := g.seen(); {
		case killed == 0 && n >= 30:
			_ = server.Process.Kill()
			_ = server.Wait()
			killed = n
		case killed > 0 && again == 0 && g.count("camera_down") == 1:
			server = serve()
			again = n
		case again > 0:
			return g.count("camera_up") == 2 && n >= again+30
		}
		return false
	})
	if up, down := g.count("camera_up"), g.count("camera_down"); up != 2 || down != 1 {
		t.Errorf("%d times up, %d times down:\n%s", up, down, log.text())
	}
	if strings.Count(log.text(), "camera is back") != 1 {
		t.Errorf("log:\n%s", log.text())
	}
	plays(t, out, 0, sceneWidth, sceneHeight)
}

// The first frames of an RTSP camera come as they are sent, not a second of them at
// once.
func TestRTSPFirstFrames(t *testing.T) {
	program := os.Getenv("RIFFLE_RTSP_SERVER")
	if program == "" {
		t.Skip("RIFFLE_RTSP_SERVER is not set: see .ci/camera")
	}
	dir := t.TempDir()
	frames(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	server := exec.Command(program, "-addr", addr, "-fps", "15", dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	var c video.Capture
	for range 50 { // until it listens
		if c, err = library(t).Open(video.Source{Kind: video.Stream, Target: "rtsp://" + addr + "/camera"}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := library(t).NewPicture()
	defer p.Close()
	start := time.Now()
	for range 15 {
		if err := c.Read(p); err != nil {
			t.Fatal(err)
		}
	}
	sent, _ := c.Stamp()
	if took := time.Since(start); sent-took > 400*time.Millisecond {
		t.Errorf("frames sent in %v were there after %v", sent, took)
	}
}

// frames writes JPEGs for the RTSP server: of vtest.avi if it is here, else of the
// generated scene, fitted to its size.
func frames(t *testing.T, dir string) {
	t.Helper()
	paint, _ := painter(t)
	mat := gocv.NewMatWithSize(sceneHeight, sceneWidth, gocv.MatTypeCV8UC3)
	defer mat.Close()
	var c video.Capture
	full := &picture{mat: gocv.NewMat()}
	defer full.Close()
	if path := vtest(); path != "" {
		var err error
		if c, err = library(t).Open(video.Source{Kind: video.File, Target: path}); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	for i := range 100 {
		if c == nil {
			paint(i, &mat)
		} else {
			if err := c.Read(full); err != nil {
				t.Fatal(err)
			}
			gocv.Resize(full.mat, &mat, image.Pt(sceneWidth, sceneHeight), 0, 0, gocv.InterpolationArea)
		}
		p := picture{mat: mat}
		data, err := p.JPEG(80)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.jpg", i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

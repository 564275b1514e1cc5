//go:build opencv

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/riffle/video"
	"example.com/riffle/video/opencv"
)

// streetCamera serves docs/street.jpg as an MJPEG camera.
func streetCamera(t *testing.T) string {
	t.Helper()
	still, err := os.ReadFile("../../docs/street.jpg")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=b")
		for r.Context().Err() == nil {
			fmt.Fprintf(w, "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(still), still)
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}

// SIGINT: exit code 0, a file that plays, the last events.
func TestVideoInterrupted(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.mp4")
	cmd := process("video", streetCamera(t), "--out", out, "--events", "-", "--threads", "1", "--snapshots", dir)
	var log bytes.Buffer
	cmd.Stderr = &log
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	kinds := map[string]int{}
	for lines.Scan() {
		var e video.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if kinds[e.Event]++; e.Event == "object_new" && kinds[e.Event] == 3 {
			_ = cmd.Process.Signal(os.Interrupt)
		}
		if e.Event == "object_end" {
			if _, err := os.Stat(e.Snapshot); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, log.String())
	}
	if kinds["camera_up"] != 1 || kinds["object_new"] < 3 || kinds["object_end"] != kinds["object_new"] {
		t.Errorf("events %v\n%s", kinds, log.String())
	}
	lib, err := opencv.New()
	if err != nil {
		t.Fatal(err)
	}
	c, err := lib.Open(video.Source{Kind: video.File, Target: out})
	if err != nil {
		t.Fatalf("the file does not play: %v", err)
	}
	defer c.Close()
	p := lib.NewPicture()
	defer p.Close()
	n := 0
	for c.Read(p) == nil {
		if n++; p.Frame().Width != 768 {
			t.Fatalf("frame %d is %d pixels wide", n, p.Frame().Width)
		}
	}
	if n < 3 {
		t.Errorf("the file has %d frames", n)
	}
}

func TestVideoMistakes(t *testing.T) {
	file := func(text string) string {
		return filepath.Join(put(t, map[string][]byte{"c.yaml": []byte(text)}), "c.yaml")
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"video", "gone.avi"}, 1, "gone.avi: no such file or directory"},
		{[]string{"video", "0", "--labels", "persn"}, 2, `unknown label "persn", did you mean "person"?`},
		{[]string{"video", "gopher://x"}, 2, "gopher:// is not known here"},
		{[]string{"video", "rtsp://u:p@h/x", "--every-frame"}, 1, "rtsp://h/x does not wait"},
		{[]string{"video", "--config", file("threshold: 0.5\n")}, 2, "names no cameras"},
		{[]string{"video", "--config", file("htp: ':80'\n")}, 2, `:1: unknown key "htp", did you mean "http"?`},
		{[]string{"video", "--config", file("cameras:\n  a: {sorce: '0'}\n")}, 2, `c.yaml:2: unknown key "sorce", did you mean "source"?`},
		{[]string{"video", "a.avi", "--config", file("cameras: {a: {source: '0'}, b: {source: '1'}}\n")}, 2, "2 cameras in"},
		{[]string{"video", "0", "1", "--out", "a.mp4"}, 2, "--out is one file"},
		{[]string{"video", "0", "--mqtt", "localhost"}, 1, "MQTT broker: want an address"},
		{[]string{"video", "0", "--events", "/nowhere/e"}, 1, "--events /nowhere/e: no such file or directory"},
	} {
		command(t, c.args...).wantError(t, c.code, c.want)
	}
}

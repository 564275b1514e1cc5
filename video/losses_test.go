package video

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// What cannot be written is said once and counted, all else goes on, and the run
// ends with an error.
func TestAFullDiskIsSaidOnce(t *testing.T) {
	full := syscall.ENOSPC
	for what, set := range map[string]func(b *bench){
		lostVideo:     func(b *bench) { b.lib.writeErr, b.lib.writeOK = full, 10; b.cfg.Cameras[0].Out = "o.mp4" },
		lostEvents:    func(b *bench) { b.heard.err = full },
		lostSnapshots: func(b *bench) { b.cfg.Snapshots = fullDisk(t) },
	} {
		b := newBench(constantly(func() Capture { return walking() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true})
		set(b)
		r, err := b.run(t, nil)
		if !errors.Is(err, full) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: error %v, want %v", what, err, full)
		}
		if n := b.log.count("cannot be written"); n != 1 {
			t.Errorf("%s: said %d times:\n%s", what, n, b.log.b.String())
		}
		if n := testutil.ToFloat64(r.metrics.losses.WithLabelValues("c", what)); n < 1 || what == lostVideo && n != 16 {
			t.Errorf("%s: counted %v times", what, n)
		}
		if n := r.cameras[0].stages.looked.Load(); n != 26 {
			t.Errorf("%s: %d of 26 frames were looked at", what, n)
		}
		if kinds := b.heard.kinds(); kinds[len(kinds)-1] != "object_end" {
			t.Errorf("%s: events %v", what, kinds)
		}
		if w := b.lib.writer; what == lostVideo && (w.frames != 10 || !w.closed) {
			t.Errorf("file %+v, want 10 frames and complete", w)
		}
	}
}

// A disk that is full from the start is no reason not to look.
func TestAFullDiskFromTheStart(t *testing.T) {
	b := newBench(constantly(func() Capture { return walking() }), Camera{Name: "c", Source: "a.avi", EveryFrame: true, Out: "/full/o.mp4"})
	r, err := b.run(t, nil)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if n := testutil.ToFloat64(r.metrics.losses.WithLabelValues("c", lostVideo)); n != 26 || b.log.count("cannot be written") != 1 {
		t.Errorf("%v of 26 frames are counted", n)
	}
}

// fullDisk is a folder on a file system without room, or one whose camera's folder
// is a device that is always full.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4k,nr_inodes=16"); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	if err := os.MkdirAll(filepath.Join(dir, "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A disk that is full for a while loses no event and tears no line.
func TestEventsOutlastAFullDisk(t *testing.T) {
	w := &narrow{room: 120}
	s := NewJSONLSink(w)
	failed := 0
	for i := range 8 {
		if i == 6 {
			w.room = 1 << 20
		}
		if err := s.Event(&Event{Event: "object_new", ID: i + 1}); err != nil {
			failed++
		}
	}
	if err := s.Close(); err != nil || failed == 0 {
		t.Errorf("close: %v, %d failures", err, failed)
	}
	lines := strings.Split(strings.TrimSpace(string(w.data)), "\n")
	for i, l := range lines {
		var e Event
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.ID != i+1 {
			t.Errorf("line %d: %s", i, l)
		}
	}
	if len(lines) != 8 {
		t.Errorf("%d lines, want 8", len(lines))
	}
	w.room = 0
	_ = s.Event(&Event{})
	_ = s.Event(&Event{})
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "2 lines are missing") {
		t.Errorf("close: %v", err)
	}
}

// narrow is a disk with room for so many bytes more.
type narrow struct {
	room int
	data []byte
}

func (n *narrow) Write(p []byte) (int, error) {
	k := min(len(p), n.room)
	n.data = append(n.data, p[:k]...)
	n.room -= k
	if k < len(p) {
		return k, syscall.ENOSPC
	}
	return k, nil
}

// A restart of a camera keeps what was recorded before; a file's drawing is made
// anew.
func TestARestartKeepsTheRecording(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "yard.mkv")
	for _, name := range []string{"yard.mkv", "yard-2.mkv"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("recorded"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]string{"rtsp://h/x": "yard-3.mkv", "a.avi": "yard.mkv"} {
		s, err := ParseSource(source)
		if err != nil {
			t.Fatal(err)
		}
		c := &camera{source: s, cfg: &Camera{Out: out}}
		if got, err := c.recordingPath(); err != nil || filepath.Base(got) != want {
			t.Errorf("%s: %s, %v, want %s", source, got, err, want)
		}
	}
	c := &camera{source: Source{Kind: Stream}, cfg: &Camera{Out: filepath.Join(dir, "gone", "a.mkv")}}
	if _, err := c.recordingPath(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// Damaged frames are said once and counted.
func TestDamagedFramesAreCounted(t *testing.T) {
	c := frameCapture(20)
	c.damaged = func(i int) bool { return i%5 == 0 }
	b := newBench(constantly(func() Capture { return c }), Camera{Name: "c", Source: "a.avi", EveryFrame: true})
	r, err := b.run(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(r.metrics.damaged.WithLabelValues("c")); n != 4 || b.log.count("damaged") != 1 {
		t.Errorf("%v damaged frames, want 4; log %s", n, b.log.b.String())
	}
}

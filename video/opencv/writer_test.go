//go:build opencv

package opencv

import (
	"errors"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"gocv.io/x/gocv"

	"example.com/riffle/video"
)

// A disk that runs full is an error of Write, and what was written before plays.
func TestAFullDiskIsNoticed(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=20m"); err != nil {
		t.Skip("no tmpfs can be mounted: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	for _, ext := range []string{".mp4", ".mkv", ".avi"} {
		path := filepath.Join(dir, "a"+ext)
		w, err := library(t).NewWriter(path, "", 10, 1280, 720)
		if err != nil {
			t.Fatal(err)
		}
		p := &picture{mat: gocv.NewMatWithSize(720, 1280, gocv.MatTypeCV8UC3)}
		written := 0
		for err = w.Write(p); err == nil && written < 1000; err = w.Write(p) {
			written++
			gocv.RandU(&p.mat, gocv.NewScalar(0, 0, 0, 0), gocv.NewScalar(255, 255, 255, 0)) // about half a megabyte
		}
		p.Close()
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: %v after %d frames, want no space left on device", ext, err, written)
		}
		if err := w.Close(); err != nil {
			t.Errorf("%s: close: %v", ext, err)
		}
		plays(t, path, written, 1280, 720)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err := library(t).NewWriter(filepath.Join(dir, "b.mp4"), "", 10, 64, 48); !errors.Is(err, syscall.ENOSPC) {
		if err == nil {
			w.Close()
		}
		t.Errorf("a file on a full disk: %v", err)
	}
}

// A written file is as long as its frames: what was reserved is given back.
func TestReservedRoomIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.avi")
	w, err := library(t).NewWriter(path, "", 10, 64, 48)
	if err != nil {
		t.Fatal(err)
	}
	p := &picture{mat: gocv.NewMatWithSize(48, 64, gocv.MatTypeCV8UC3)}
	defer p.Close()
	for range 5 {
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if blocks := info.Sys().(*syscall.Stat_t).Blocks * 512; blocks > info.Size()+64<<10 {
		t.Errorf("a file of %d bytes takes %d", info.Size(), blocks)
	}
}

// The last row and column of a picture with odd sides are in the file.
func TestOddSidesLoseNothing(t *testing.T) {
	t.Cleanup(func() { leaks(t) })
	path := filepath.Join(t.TempDir(), "a.avi")
	w, err := library(t).NewWriter(path, "MJPG", 10, 161, 121)
	if err != nil {
		t.Fatal(err)
	}
	p := &picture{mat: gocv.NewMatWithSizeFromScalar(gocv.NewScalar(0, 0, 0, 0), 121, 161, gocv.MatTypeCV8UC3)}
	gocv.Line(&p.mat, image.Pt(0, 120), image.Pt(160, 120), color.RGBA{255, 255, 255, 255}, 1)
	gocv.Line(&p.mat, image.Pt(160, 0), image.Pt(160, 120), color.RGBA{255, 255, 255, 255}, 1)
	err = errors.Join(w.Write(p), w.Close())
	p.Close()
	if err != nil {
		t.Fatal(err)
	}
	c, err := library(t).Open(video.Source{Kind: video.File, Target: path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := library(t).NewPicture()
	defer got.Close()
	if err := c.Read(got); err != nil {
		t.Fatal(err)
	}
	f := got.Frame()
	if f.Width != 162 || f.Height != 122 {
		t.Fatalf("%d x %d, want 162 x 122", f.Width, f.Height)
	}
	for _, at := range [][2]int{{50, 120}, {160, 60}, {50, 121}, {161, 60}} {
		if v := f.Pix[at[1]*f.Stride+3*at[0]]; v < 180 {
			t.Errorf("at %v: %d, want white", at, v)
		}
	}
}

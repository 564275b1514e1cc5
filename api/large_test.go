package api

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// encoded is a PNG of nothing, small as a file.
func encoded(t *testing.T, img image.Image) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestDecodedBytes(t *testing.T) {
	r := image.Rect(0, 0, 100, 50)
	for name, tt := range map[string]struct {
		data []byte
		want int64
	}{
		"gray":        {encoded(t, image.NewGray(r)), 5000},
		"gray 16":     {encoded(t, image.NewGray16(r)), 10000},
		"rgba":        {encoded(t, image.NewNRGBA(r)), 20000},
		"rgba 16":     {encoded(t, image.NewNRGBA64(r)), 40000},
		"jpeg":        {jpegOf(t, 100, 50), 15000},
		"progressive": {append(jpegOf(t, 100, 50), 0xFF, 0xC2), 75000},
		"text":        {[]byte("text"), 0},
	} {
		if got := decodedBytes(tt.data); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}

func TestOneLargePictureAtATime(t *testing.T) {
	var large, together atomic.Int64
	f := &fake{before: func(context.Context) error {
		if large.Add(1) > 1 {
			together.Add(1)
		}
		time.Sleep(20 * time.Millisecond)
		large.Add(-1)
		return nil
	}}
	s := newTestServer(t, f, func(c *Config) { c.Models[0].Workers = 4 })
	s.large = newLargeGate(1 << 20)
	photo := encoded(t, image.NewGray16(image.Rect(0, 0, 1000, 1000))) // 2 MB
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			if w := post(s, "/detect", photo); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	clients.Wait()
	if together.Load() != 0 {
		t.Error("large pictures side by side")
	}
}

func TestWaitForALargePictureCanEnd(t *testing.T) {
	g := newLargeGate(1 << 20)
	photo := encoded(t, image.NewGray16(image.Rect(0, 0, 1000, 1000)))
	leave, err := g.enter(context.Background(), photo)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.enter(ctx, photo); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	small, err := g.enter(context.Background(), jpegOf(t, 80, 40))
	if err != nil {
		t.Errorf("a small picture waits for a large one: %v", err)
	}
	small()
	leave()
}

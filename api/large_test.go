package api

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/riffle/api/internal/admission"
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

// Large pictures wait for each other without a worker: the only one is there for
// pictures of ordinary size.
func TestLargePicturesDoNotHoldUpSmallOnes(t *testing.T) {
	freed := make(chan struct{}, 10)
	s := newTestServer(t, &fake{}, oneWorker(4))
	s.large = admission.NewLarge(1<<20, 3, func() { freed <- struct{}{} })
	large := encoded(t, image.NewGray16(image.Rect(0, 0, 1000, 1000))) // 2 MB
	leave, err := s.large.Enter(context.Background())                  // one is being worked on
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	refused := make(chan int, 10)
	for range 5 {
		clients.Go(func() {
			if w := post(s, "/detect", large); w.Code != 200 {
				refused <- w.Code
			}
		})
	}
	if code := <-refused; code != 503 { // three wait: two are refused at once
		t.Errorf("status %d", code)
	}
	<-refused
	for range 3 {
		if w := post(s, "/detect", jpegOf(t, 80, 40)); w.Code != 200 {
			t.Errorf("a small picture beside large ones: %d %s", w.Code, w.Body)
		}
	}
	if busy, waiting := s.models.all[0].gate.Busy(), s.models.all[0].gate.Waiting(); busy != 0 || waiting != 0 {
		t.Errorf("%d workers held, %d places in the queue", busy, waiting)
	}
	leave()
	clients.Wait()
	for range 4 { // after each its memory is given back
		<-freed
	}
}

// A photo is large by what is decoded of it: drawing takes all of its pixels.
func TestWhatIsDecodedCountsAsLarge(t *testing.T) {
	s := newTestServer(t, &fake{}, func(c *Config) { c.MaxPictureMemory = 1 << 20 })
	large := encoded(t, image.NewGray16(image.Rect(0, 0, 1000, 1000)))
	wantProblem(t, post(s, "/detect", large), 413, "too-many-pixels", "at most 1 MiB")
}

// A client that sends less than the lowest rate is sent away long before the time
// limit; one that is merely slow is not.
func TestSlowBodiesAreSentAway(t *testing.T) {
	for name, tt := range map[string]struct {
		perSecond int
		total     int
		busy      time.Duration // that we do not read for, halfway
		want      error
		after     time.Duration // at most
	}{
		"slow":        {1 << 10, 1 << 20, 0, os.ErrDeadlineExceeded, 7 * time.Second},
		"fast enough": {20 << 10, 400 << 10, 0, nil, 21 * time.Second},
		"busy server": {64 << 10, 256 << 10, 20 * time.Second, nil, 25 * time.Second},
		"too long":    {20 << 10, 1 << 20, 0, os.ErrDeadlineExceeded, 31 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					for sent := 0; sent < tt.total; sent += tt.perSecond {
						time.Sleep(time.Second)
						if _, err := server.Write(make([]byte, tt.perSecond)); err != nil {
							return
						}
					}
				}()
				body := &ratedReader{from: client, deadline: client.SetReadDeadline, end: time.Now().Add(30 * time.Second), rate: 16 << 10}
				start := time.Now()
				_, err := io.CopyN(io.Discard, body, int64(tt.total/2))
				time.Sleep(tt.busy)
				if err == nil {
					_, err = io.Copy(io.Discard, body)
				}
				if !errors.Is(err, tt.want) || time.Since(start) > tt.after {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				_ = client.Close()
				time.Sleep(2 * time.Second) // the sender finds that out
			})
		})
	}
}

// A damaged photo is looked at as far as it goes, and every protocol says so.
func TestDamagedPicturesAreAnsweredWithAWarning(t *testing.T) {
	s := newTestServer(t, &fake{}, nil)
	whole := street(t)
	photo := whole[:len(whole)-2000] // the end of the last rows
	form, formType := formOf(t, formPart{"image", "a.jpg", string(photo)})
	infer, _ := kserveBody(t, false, nil, photo)
	for path, r := range map[string]struct {
		body        []byte
		contentType string
	}{
		"/detect": {photo, "image/jpeg"}, "/v1/vision/detection": {form.Bytes(), formType},
		"/doods/detect": {homeAssistant(t, photo, nil), "application/json"}, "/v2/models/fake/infer": {infer, "application/json"},
	} {
		w := post(s, path, r.body, "Content-Type", r.contentType)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"warnings":["`) || !strings.Contains(w.Body.String(), "damaged") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := post(s, "/detect", whole); strings.Contains(w.Body.String(), "warnings") {
		t.Errorf("a whole one: %s", w.Body)
	}
}

package video

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// hub passes a camera's drawn frames to whoever watches. A watcher that is slow
// misses frames and holds nobody up.
type hub struct {
	mu       sync.Mutex
	watchers map[chan []byte]struct{}
}

func newHub() *hub { return &hub{watchers: map[chan []byte]struct{}{}} }

func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// show gives a JPEG to all; it must not change afterwards.
func (h *hub) show(jpeg []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		select {
		case <-w: // the one it has not taken
		default:
		}
		w <- jpeg
	}
}

const maxWatchers = 32 // of one camera

// watch returns a channel of frames, nil if there are too many watchers, and what
// to call at the end.
func (h *hub) watch() (<-chan []byte, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers {
		return nil, nil
	}
	w := make(chan []byte, 1)
	h.watchers[w] = struct{}{}
	return w, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
	}
}

// recent is a Sink that keeps the last events and passes new ones on to pages.
type recent struct {
	mu      sync.Mutex
	last    [][]byte
	readers map[chan []byte]struct{}
}

const kept = 50 // events

func (r *recent) Event(e *Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last = append(r.last, line); len(r.last) > kept {
		r.last = r.last[1:]
	}
	for w := range r.readers {
		select {
		case w <- line:
		default: // it is hopelessly behind
		}
	}
	return nil
}

func (*recent) State(string, *State)            {}
func (*recent) Snapshot(string, string, []byte) {}
func (r *recent) read() (chan []byte, [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := make(chan []byte, kept)
	if r.readers == nil {
		r.readers = map[chan []byte]struct{}{}
	}
	r.readers[w] = struct{}{}
	return w, append([][]byte(nil), r.last...)
}

func (r *recent) leave(w chan []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.readers, w)
}

//go:embed page.html
var page []byte

const boundary = "riffle-frame"

// Handler answers with the page, live pictures, events and metrics.
func (r *Runner) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /cameras", r.list)
	mux.HandleFunc("GET /cameras/{name}/live.mjpg", r.live)
	mux.HandleFunc("GET /cameras/{name}/frame.jpg", r.still)
	mux.HandleFunc("GET /events", r.events)
	mux.Handle("GET /metrics", r.metrics.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, req)
	})
}

// list tells of each camera how it is.
func (r *Runner) list(w http.ResponseWriter, _ *http.Request) {
	type camera struct {
		Name    string  `json:"name"`
		Source  string  `json:"source"`
		Up      bool    `json:"up"`
		Frames  int64   `json:"frames"`
		Dropped int64   `json:"dropped"`
		Still   int64   `json:"still"`
		Detect  float64 `json:"detect_ms"`
	}
	out := []camera{}
	for _, c := range r.cameras {
		out = append(out, camera{
			c.name, c.source.String(), c.isUp.Load(), c.stages.looked.Load(), c.stages.dropped.Load(), c.stages.still.Load(),
			round(float64(c.stages.mean(stageDetect))/1e6, 100),
		})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// watching subscribes a request to the camera it names, or refuses it.
func (r *Runner) watching(w http.ResponseWriter, req *http.Request) (<-chan []byte, func()) {
	for _, c := range r.cameras {
		if c.name != req.PathValue("name") {
			continue
		}
		frames, leave := c.out.hub.watch()
		if frames == nil {
			http.Error(w, "too many watch this camera", http.StatusServiceUnavailable)
		}
		return frames, leave
	}
	http.Error(w, "there is no camera of this name", http.StatusNotFound)
	return nil, nil
}

const writeTimeout = 10 * time.Second // of one frame to one watcher

// live sends frames as multipart/x-mixed-replace, which browsers show as a video.
func (r *Runner) live(w http.ResponseWriter, req *http.Request) {
	frames, leave := r.watching(w, req)
	if frames == nil {
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary="+boundary)
	control := http.NewResponseController(w)
	for {
		select {
		case <-req.Context().Done():
			return
		case <-r.stopped:
			return
		case jpeg := <-frames:
			_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
			_, err := fmt.Fprintf(w, "--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", boundary, len(jpeg))
			if err == nil {
				_, err = w.Write(append(jpeg[:len(jpeg):len(jpeg)], '\r', '\n'))
			}
			if err != nil || control.Flush() != nil {
				return
			}
		}
	}
}

// still sends the next frame.
func (r *Runner) still(w http.ResponseWriter, req *http.Request) {
	frames, leave := r.watching(w, req)
	if frames == nil {
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(req.Context(), writeTimeout)
	defer cancel()
	select {
	case jpeg := <-frames:
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Content-Length", strconv.Itoa(len(jpeg)))
		_, _ = w.Write(jpeg)
	case <-r.stopped:
		http.Error(w, "the camera loop ends", http.StatusServiceUnavailable)
	case <-ctx.Done():
		http.Error(w, "no frame came", http.StatusServiceUnavailable)
	}
}

// events sends the last events and then new ones as server-sent events.
func (r *Runner) events(w http.ResponseWriter, req *http.Request) {
	lines, last := r.recent.read()
	defer r.recent.leave(lines)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := w.Write([]byte(text))
		return err == nil && control.Flush() == nil
	}
	for _, l := range last {
		if !send("data: " + string(l) + "\n\n") {
			return
		}
	}
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	for ok := send(": here\n\n"); ok; {
		select {
		case <-req.Context().Done():
			return
		case <-r.stopped:
			return
		case l := <-lines:
			ok = send("data: " + string(l) + "\n\n")
		case <-alive.C:
			ok = send(": here\n\n")
		}
	}
}

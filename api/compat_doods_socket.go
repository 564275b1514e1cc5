package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// doodsMode is how a WebSocket of DOODS works through its messages.
type doodsMode int

const (
	// doodsAsync: every message is a request, worked on side by side; ids tell
	// the answers apart.
	doodsAsync doodsMode = iota
	// doodsStream: pictures of one source, answered in their order. The first
	// message sets detector, rules and throttle; the next ones need only data,
	// or are binary: the bare picture.
	doodsStream
)

// handleDoodsSocket answers requests over a WebSocket until the client closes
// it. DOODS2 itself opened the address in data; riffle opens no connections, so
// the pictures come from the client.
func (s *Server) handleDoodsSocket(mode doodsMode) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Sec-Websocket-Key") == "" {
			w.Header().Set("Upgrade", "websocket")
			return failf(kindUpgrade, "%s is a WebSocket", r.URL.Path)
		}
		stop, end, ok := s.streams.begin()
		if !ok {
			return &failure{kind: kindStopping, detail: "the service is shutting down", retryAfter: busyPause}
		}
		defer end()
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			OriginPatterns: s.origins.allowed, InsecureSkipVerify: s.origins.all,
		})
		if err != nil {
			return nil //nolint:nilerr // Accept has answered
		}
		n := requestLogOf(r.Context())
		n.stream = true
		workers := 1
		if mode == doodsAsync {
			for _, m := range s.models.byTask[detectTask] {
				workers = max(workers, m.Workers)
			}
		}
		sock := &doodsSocket{s: s, conn: conn, ctx: r.Context(), slots: make(chan struct{}, workers)}
		// base64 takes 4 bytes for 3, and the rules want room too.
		sock.limit = s.cfg.MaxBody/3*4 + maxField
		conn.SetReadLimit(sock.limit)
		closed := sock.closeOn(stop)
		if mode == doodsAsync {
			sock.async()
		} else {
			sock.stream()
		}
		closed()
		n.model, n.pictures, n.detections = sock.model, sock.pictures, sock.detections
		return nil
	}
}

// doodsSocket is one open WebSocket.
type doodsSocket struct {
	s     *Server
	conn  *websocket.Conn
	ctx   context.Context //nolint:containedctx // of the request that opened it
	limit int64           // bytes of a message
	slots chan struct{}   // one is held for each request at work

	mu                   sync.Mutex // of what follows
	model                string
	pictures, detections int
}

// closeOn closes the connection when stop is closed, after what is at work is
// answered. The function returned closes it otherwise, or waits for that.
func (d *doodsSocket) closeOn(stop <-chan struct{}) (closed func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-stop:
			for range cap(d.slots) {
				d.slots <- struct{}{}
			}
			_ = d.conn.Close(websocket.StatusGoingAway, "shutting down")
			for range cap(d.slots) { // who waits for one finds the connection closed
				<-d.slots
			}
		case <-over:
			_ = d.conn.Close(websocket.StatusNormalClosure, "")
		}
	}()
	return func() { close(over); <-done }
}

// next reads one message, within the memory budget, until in is freed.
func (d *doodsSocket) next() (kind websocket.MessageType, data []byte, in *bodyReader, err error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.s.cfg.IdleTimeout)
	defer cancel()
	kind, r, err := d.conn.Reader(ctx)
	if err != nil {
		return 0, nil, nil, err
	}
	in = &bodyReader{claim: d.s.budget.Claim(), freed: d.s.reclaimer.LetGo, limit: d.limit, known: -1}
	data, err = in.readAll(r)
	if err != nil {
		in.free()
		return 0, nil, nil, err
	}
	return kind, data, in, nil
}

// readFailed tells the client why its message was not read, if it can be told.
func (d *doodsSocket) readFailed(err error) {
	var f *failure
	if errors.As(err, &f) && f.kind != kindBadForm {
		d.answerError("", f)
	}
}

// async works on as many requests at a time as the detector with the most workers has;
// further ones wait unread.
func (d *doodsSocket) async() {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		kind, data, in, err := d.next()
		if err != nil {
			d.readFailed(err)
			return
		}
		d.slots <- struct{}{}
		running.Go(func() {
			defer func() { in.free(); <-d.slots }()
			var req DoodsRequest
			if err := parseDoods(kind, data, &req); err != nil {
				d.answerError(doodsID(data), asFailure(err))
				return
			}
			d.detect(&req)
		})
	}
}

// stream works on one picture after the other.
func (d *doodsSocket) stream() {
	var rules DoodsRequest
	var last time.Time
	for {
		kind, data, in, err := d.next()
		if err != nil {
			d.readFailed(err)
			return
		}
		d.slots <- struct{}{}
		req := rules
		if err := parseDoods(kind, data, &req); err != nil {
			d.answerError(cmp.Or(doodsID(data), string(rules.ID)), asFailure(err))
		} else {
			rules = req
			rules.Data = nil
			pause := time.Duration(float64(req.Throttle) * float64(time.Second))
			if len(req.Data) > 0 && (last.IsZero() || time.Since(last) >= pause) {
				last = time.Now()
				d.detect(&req)
			}
		}
		in.free()
		<-d.slots
	}
}

// parseDoods reads a message into what is known from the ones before.
func parseDoods(kind websocket.MessageType, data []byte, req *DoodsRequest) error {
	if kind == websocket.MessageBinary {
		req.Data = data
		return nil
	}
	fresh := DoodsRequest{}
	if err := decodeLenientBytes(data, &fresh); err != nil {
		return err
	}
	fresh.ID = cmp.Or(fresh.ID, req.ID)
	fresh.DetectorName = cmp.Or(fresh.DetectorName, req.DetectorName)
	if fresh.Detect == nil && fresh.Regions == nil {
		fresh.Detect, fresh.Regions = req.Detect, req.Regions
	}
	fresh.Image = cmp.Or(fresh.Image, req.Image)
	fresh.Throttle = cmp.Or(fresh.Throttle, req.Throttle)
	*req = fresh
	return nil
}

// doodsID is the id of a message that cannot be read otherwise, as far as it goes,
// so that the client knows which of its requests failed.
func doodsID(message []byte) string {
	dec := json.NewDecoder(bytes.NewReader(message))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for {
		key, err := dec.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return ""
		}
		if key == "id" {
			id, _ := scalar(value)
			return id
		}
	}
}

func (d *doodsSocket) detect(req *DoodsRequest) {
	var answer *DoodsResponse
	var m *served
	err := guarded(func() (err error) {
		answer, m, err = d.s.doodsDetect(d.ctx, req)
		return err
	})
	if err != nil {
		f := asFailure(err)
		if f.cause != nil {
			d.s.cfg.Log.Error().Err(f.cause).Str("request_id", requestID(d.ctx)).Msg("detection over a WebSocket failed")
		}
		d.answerError(string(req.ID), f)
		return
	}
	d.mu.Lock()
	d.model = m.Name
	d.pictures++
	d.detections += len(answer.Detections)
	d.mu.Unlock()
	if answer.drawn != nil {
		answer.Image = base64.StdEncoding.EncodeToString(answer.drawn)
	}
	d.send(answer)
}

func (d *doodsSocket) answerError(id string, f *failure) {
	d.send(&DoodsResponse{ID: id, Error: f.detail, Detections: []DoodsDetection{}})
}

func (d *doodsSocket) send(answer *DoodsResponse) {
	text, err := json.Marshal(answer)
	if err != nil {
		return // our own types marshal
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.s.cfg.WriteTimeout)
	defer cancel()
	_ = d.conn.Write(ctx, websocket.MessageText, text) // a client that went away shows at the next read
}

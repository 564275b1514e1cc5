package api

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// budget bounds the bytes of bodies that all requests hold together.
type budget struct {
	limit int64
	used  atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// intake reads the body of one request, within the limit for one body and the
// budget of all. free gives back what it took.
type intake struct {
	budget *budget
	limit  int64
	body   io.Reader
	known  int64 // announced length, -1 if none
	held   int64

	fetches bool // the handler takes an address instead of a picture
}

// newIntake refuses at once what announces itself as too large.
func (s *Server) newIntake(w http.ResponseWriter, r *http.Request) (*intake, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, failf(kindWrongContent, "body with Content-Encoding %q, want none", clip(enc))
	}
	in := &intake{budget: &s.budget, limit: s.cfg.MaxBody, known: r.ContentLength}
	if r.ContentLength > in.limit {
		// Closing spares both sides the rest of the body.
		w.Header().Set("Connection", "close")
		return nil, in.tooLarge()
	}
	in.body = http.MaxBytesReader(w, r.Body, in.limit)
	return in, nil
}

func (in *intake) tooLarge() *failure {
	return failf(kindBodyTooLarge, "body of more than %d bytes", in.limit)
}

// hold accounts for n more bytes.
func (in *intake) hold(n int64) error {
	if !in.budget.take(n) {
		return &failure{kind: kindBusy, detail: "too many large requests at a time", retryAfter: busyPause}
	}
	in.held += n
	return nil
}

func (in *intake) free() {
	in.budget.used.Add(-in.held)
	in.held = 0
}

// firstChunk is what a body gets before it has shown that it sends more.
const firstChunk = 64 << 10

// readAll reads r to its end. The buffer grows with what arrives, not with what
// is announced: a liar holds little memory.
func (in *intake) readAll(r io.Reader) ([]byte, error) {
	size := int64(firstChunk)
	if in.known >= 0 && in.known < size {
		size = in.known + 1 // room for the read that finds the end
	}
	if err := in.hold(size); err != nil {
		return nil, err
	}
	buf := make([]byte, 0, size)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, in.readError(err)
		}
		if len(buf) < cap(buf) {
			continue
		}
		grow := min(int64(cap(buf)), in.limit+1-int64(cap(buf)))
		if grow <= 0 {
			return nil, in.tooLarge()
		}
		if err := in.hold(grow); err != nil {
			return nil, err
		}
		bigger := make([]byte, len(buf), int64(cap(buf))+grow)
		copy(bigger, buf)
		buf = bigger
	}
}

// readError files an error of reading the body.
func (in *intake) readError(err error) error {
	var f *failure
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return err
	case errors.As(err, &tooLarge):
		return in.tooLarge()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{kind: kindBadForm, detail: "body ends before its announced length or closing boundary", cause: err}
	case isTimeout(err):
		return &failure{kind: kindSlow, detail: "body did not arrive in time", cause: err}
	}
	return &failure{kind: kindBadForm, detail: "body cannot be read", cause: err}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// accounted counts what is read against the budget, twice: for readers whose
// buffers we do not see, which grow by doubling.
type accounted struct {
	in *intake
	r  io.Reader
}

func (a accounted) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if n > 0 {
		if herr := a.in.hold(2 * int64(n)); herr != nil {
			return 0, herr
		}
	}
	return n, err
}

package api

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"example.com/riffle/api/internal/admission"
)

// bodyReader reads the body of one request, within the limit for one body, the
// budget of all and the lowest rate. free gives back what it took.
type bodyReader struct {
	claim *admission.Claim
	freed func(n int64) // told how much free gives back; may be nil
	limit int64
	body  io.Reader
	rated *ratedReader // below body; nil if that is no request's
	known int64        // announced length, -1 if none or if it is that of packed bytes
}

// newBodyReader refuses at once what announces itself as too large.
func (s *Server) newBodyReader(w http.ResponseWriter, r *http.Request) (*bodyReader, error) {
	in := &bodyReader{claim: s.budget.Claim(), freed: s.reclaimer.LetGo, limit: s.cfg.MaxBody, known: r.ContentLength}
	if r.ContentLength > in.limit {
		// Closing spares both sides the rest of the body.
		w.Header().Set("Connection", "close")
		return nil, in.tooLarge()
	}
	in.rated = &ratedReader{
		from: http.MaxBytesReader(w, r.Body, in.limit), deadline: http.NewResponseController(w).SetReadDeadline,
		end: time.Now().Add(s.cfg.ReadTimeout), rate: s.cfg.MinRate,
	}
	in.body = in.rated
	return in, in.unpack(r.Header.Get("Content-Encoding"))
}

// unpack reads a compressed body. The limit holds for what comes out, too.
func (in *bodyReader) unpack(encoding string) error {
	packed := in.body
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		in.body = &unpacker{open: func() (io.ReadCloser, error) { return gzip.NewReader(packed) }, left: in.limit}
	case "deflate":
		in.body = &unpacker{open: func() (io.ReadCloser, error) { return zlib.NewReader(packed) }, left: in.limit}
	default:
		return failf(kindWrongContent, "body with Content-Encoding %q, want none, gzip or deflate", clip(encoding))
	}
	in.known = -1
	return nil
}

// unpacker opens a compressed stream at the first read and ends with
// http.MaxBytesError when more comes out than is left.
type unpacker struct {
	open func() (io.ReadCloser, error)
	from io.ReadCloser
	left int64
}

func (u *unpacker) Read(p []byte) (n int, err error) {
	if u.from == nil {
		if u.from, err = u.open(); err != nil {
			return 0, unpackError(err)
		}
	}
	n, err = u.from.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, &http.MaxBytesError{}
	}
	return n, unpackError(err)
}

func unpackError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, zlib.ErrHeader) || errors.Is(err, zlib.ErrChecksum) {
		return failf(kindWrongContent, "body is not what its Content-Encoding says: %v", err)
	}
	return err
}

// slowStart is how long a body may let us wait before its rate counts.
const slowStart = 5 * time.Second

// ratedReader ends a body with a timeout when it comes more slowly than it may,
// so that a few slow clients do not hold memory for all of the time limit. Only
// the time counts that is spent waiting for bytes: a busy service is not the
// client's fault.
type ratedReader struct {
	from     io.Reader
	deadline func(time.Time) error // of reading from the connection; fails where there is none
	end      time.Time             // when all of it must be there
	rate     int64                 // bytes a second
	read     int64
	waited   time.Duration
	done     bool
}

func (b *ratedReader) Read(p []byte) (int, error) {
	allowed := slowStart + time.Duration(float64(b.read)/float64(b.rate)*float64(time.Second))
	start := time.Now()
	limit := start.Add(allowed - b.waited)
	if limit.After(b.end) {
		limit = b.end
	}
	_ = b.deadline(limit)
	n, err := b.from.Read(p)
	b.waited += time.Since(start)
	b.read += int64(n)
	if err != nil {
		b.done = true
		_ = b.deadline(time.Time{}) // what the client sends next is another request
	}
	return n, err
}

// release ends the watch over a body that was not read to its end.
func (b *ratedReader) release() {
	if !b.done {
		_ = b.deadline(b.end)
	}
}

func (in *bodyReader) tooLarge() *failure {
	return failf(kindBodyTooLarge, "body of more than %d bytes", in.limit)
}

// hold accounts for n more bytes.
func (in *bodyReader) hold(n int64) error {
	if !in.claim.Take(n) {
		return &failure{kind: kindBusy, detail: "too many large requests at a time", retryAfter: busyPause}
	}
	return nil
}

func (in *bodyReader) free() {
	if in.rated != nil {
		in.rated.release()
	}
	if held := in.claim.Held(); in.freed != nil && held > admission.SmallBody {
		in.freed(held)
	}
	in.claim.Free()
}

// firstChunk is what a body gets before it has shown that it sends more.
const firstChunk = 64 << 10

// readAll reads r to its end. The buffer grows with what arrives, not with what
// is announced: a liar holds little memory.
func (in *bodyReader) readAll(r io.Reader) ([]byte, error) {
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
func (in *bodyReader) readError(err error) error {
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
	in *bodyReader
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

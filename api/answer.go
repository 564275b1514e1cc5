package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// compressAbove is the size in bytes from which text answers are compressed for
// those who ask: below it they fit one network packet anyway.
const compressAbove = 1400

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a valid constant
	}
	return w
}}

// writeJSON answers with v on one line.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		// Our own types all marshal; a NaN score is the one way to get here.
		http.Error(w, `{"title":"Internal error","status":500}`, http.StatusInternalServerError)
		return
	}
	writeText(w, r, status, contentType, append(body, '\n'))
}

// writeText answers with text, compressed if the client asks for it and it is
// worth it.
func writeText(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if len(body) > compressAbove {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			var packed bytes.Buffer
			z := gzipWriters.Get().(*gzip.Writer)
			z.Reset(&packed)
			_, werr := z.Write(body)
			cerr := z.Close()
			gzipWriters.Put(z)
			if werr == nil && cerr == nil {
				h.Set("Content-Encoding", "gzip")
				body = packed.Bytes()
			}
		}
	}
	writeBytes(w, status, body)
}

func writeBytes(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is no news
}

// acceptsGzip reads Accept-Encoding: gzip or * named, and not with q=0.
func acceptsGzip(r *http.Request) bool {
	star, gz := -1.0, -1.0
	for _, line := range r.Header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			name, q := weighted(item)
			switch name {
			case "gzip", "x-gzip":
				gz = q
			case "*":
				star = q
			}
		}
	}
	if gz < 0 {
		gz = star
	}
	return gz > 0
}

// weighted splits one item of an Accept header into its lower-case name and its
// q value, 1 if it has none or a broken one.
func weighted(item string) (name string, q float64) {
	name, params, _ := strings.Cut(item, ";")
	q = 1
	for p := range strings.SplitSeq(params, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(key, "q") {
			if v, err := strconv.ParseFloat(value, 64); err == nil && v >= 0 && v <= 1 {
				q = v
			}
		}
	}
	return strings.ToLower(strings.TrimSpace(name)), q
}

package api

import (
	"bytes"
	"embed"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/go-chi/chi/v5"
)

// pageFiles are the web page and the template of /docs.
//
//go:embed page
var pageFiles embed.FS

func (s *Server) handlePage(w http.ResponseWriter, r *http.Request) error {
	return s.servePage(w, r, "index.html")
}

// handlePageFile serves what the pages load.
func (s *Server) handlePageFile(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "file")
	if path.Ext(name) == ".html" {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}
	return s.servePage(w, r, name)
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, name string) error {
	data, err := fs.ReadFile(pageFiles, "page/"+name)
	if err != nil {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}
	if path.Ext(name) == ".html" {
		data = withAddress(r, data)
	}
	s.writePage(w, r, mime.TypeByExtension(path.Ext(name)), data)
	return nil
}

// exampleAddress stands in the examples for where the reader sees the service.
const exampleAddress = "localhost:8080"

func (s *Server) handleDocs(w http.ResponseWriter, r *http.Request) error {
	s.writePage(w, r, "text/html; charset=utf-8", withAddress(r, s.docs))
	return nil
}

// withAddress puts the address at which the reader sees the service into the
// examples of a page.
func withAddress(r *http.Request, page []byte) []byte {
	shown := html.EscapeString(addressOf(r).curl())
	return bytes.ReplaceAll(page, []byte(exampleAddress), []byte(shown))
}

func (s *Server) writePage(w http.ResponseWriter, r *http.Request, contentType string, data []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // a new version of the service has a new page
	if strings.HasPrefix(contentType, "image/jpeg") {
		h.Set("Content-Type", contentType)
		writeBytes(w, http.StatusOK, data) // packed already
		return
	}
	writeText(w, r, http.StatusOK, contentType, data)
}

package api

import (
	"bytes"
	"embed"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"path"

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
	s.writePage(w, r, mime.TypeByExtension(path.Ext(name)), data)
	return nil
}

// exampleAddress stands in the examples for where the reader sees the service.
const exampleAddress = "localhost:8080"

func (s *Server) handleDocs(w http.ResponseWriter, r *http.Request) error {
	shown := html.EscapeString(addressOf(r).curl())
	s.writePage(w, r, "text/html; charset=utf-8", bytes.ReplaceAll(s.docs, []byte(exampleAddress), []byte(shown)))
	return nil
}

func (s *Server) writePage(w http.ResponseWriter, r *http.Request, contentType string, data []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // a new version of the service has a new page
	writeText(w, r, http.StatusOK, contentType, data)
}

package api

import (
	"embed"
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

// contentPolicy lets the pages load what this service serves, show pictures and
// the camera, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
	"media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) handlePage(w http.ResponseWriter, r *http.Request) error {
	return servePage(w, r, "index.html")
}

// handlePageFile serves what the pages load.
func (s *Server) handlePageFile(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "file")
	if path.Ext(name) == ".html" {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}
	return servePage(w, r, name)
}

func servePage(w http.ResponseWriter, r *http.Request, name string) error {
	data, err := fs.ReadFile(pageFiles, "page/"+name)
	if err != nil {
		return failf(kindNotFound, "nothing at %s", clip(r.URL.Path))
	}
	writePage(w, r, mime.TypeByExtension(path.Ext(name)), data)
	return nil
}

func (s *Server) handleDocs(w http.ResponseWriter, r *http.Request) error {
	writePage(w, r, "text/html; charset=utf-8", s.docs)
	return nil
}

func writePage(w http.ResponseWriter, r *http.Request, contentType string, data []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // a new version of the service has a new page
	writeText(w, r, http.StatusOK, contentType, data)
}

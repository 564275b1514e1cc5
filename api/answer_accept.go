package api

import (
	"net/http"
	"strings"
)

// answerForm is what /detect and /segment answer with.
type answerForm int

const (
	formJSON answerForm = iota
	formJPEG
	formPNG
)

// contentType is that of an answer which is a picture, "" for JSON.
func (f answerForm) contentType() string {
	switch f {
	case formJPEG:
		return "image/jpeg"
	case formPNG:
		return "image/png"
	}
	return ""
}

// offers are the media types of the answer forms, the preferred ones first.
var offers = []struct {
	form answerForm
	main string
	sub  string
}{
	{formJSON, "application", "json"},
	{formJPEG, "image", "jpeg"},
	{formPNG, "image", "png"},
}

// negotiate chooses the answer's form by the Accept header after RFC 9110: for
// every offer the most specific range that matches it counts, the highest
// weight wins, ties go to the earlier offer. No header, or an
// empty one, means JSON.
func negotiate(r *http.Request) (answerForm, error) {
	lines := r.Header.Values("Accept")
	if strings.Trim(strings.Join(lines, ""), " \t,") == "" {
		return formJSON, nil
	}
	best, bestQ := formJSON, 0.0
	for _, o := range offers {
		q, specific := 0.0, 0
		for _, line := range lines {
			for item := range strings.SplitSeq(line, ",") {
				name, weight := weighted(item)
				main, sub, _ := strings.Cut(name, "/")
				s := 0
				switch {
				case main == o.main && sub == o.sub:
					s = 3
				case main == o.main && sub == "*":
					s = 2
				case main == "*" && sub == "*":
					s = 1
				}
				if s > specific {
					q, specific = weight, s
				}
			}
		}
		// Strictly greater: image/* means JPEG, */* means JSON.
		if q > bestQ {
			best, bestQ = o.form, q
		}
	}
	if bestQ == 0 {
		return 0, failf(kindNotAcceptable, "cannot answer with %q: %s answers application/json, image/jpeg or image/png",
			strings.Join(lines, ", "), r.URL.Path)
	}
	return best, nil
}

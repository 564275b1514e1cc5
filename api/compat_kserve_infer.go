package api

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
)

const (
	kserveImage  = "image"
	kserveHeader = "Inference-Header-Content-Length"
)

// handleKServeInfer looks at the pictures of the input "image". Detections of
// all pictures stand one after the other in the outputs; "counts" tells how
// many of them are each picture's.
func (s *Server) handleKServeInfer(w http.ResponseWriter, r *http.Request) error {
	m, model, err := s.kserveModel(r)
	if err != nil {
		return err
	}
	if err := s.refuseEarly(r, detectTask, m.Name); err != nil {
		return err
	}
	in, err := s.newBodyReader(w, r)
	if err != nil {
		return err
	}
	defer in.free()
	body, err := in.readAll(in.body)
	if err != nil {
		return err
	}
	req, pictures, err := readKServe(r.Header, body, s.cfg.MaxBatch)
	if err != nil {
		return err
	}
	if err := checkKServeOutputs(req.Outputs); err != nil {
		return err
	}
	p, err := req.Parameters.params()
	if err != nil {
		return err
	}
	f, err := p.resolve(model.labels, defaults{s.cfg.Threshold, s.cfg.MaxDetections})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	results, err := s.lookAtAll(ctx, m, pictures, &wish{keep: f.apply})
	if err != nil {
		return err
	}
	detections := 0
	for i, res := range results {
		if res.bad != nil {
			return failf(res.bad.kind, "picture %d: %s", i+1, res.bad.detail)
		}
		detections += len(res.seen.found)
	}
	logPictures(r, m, len(pictures), detections)
	requestLogOf(r.Context()).ignored = req.Parameters.ignored
	return writeKServe(w, r, m, req, results)
}

// readKServe takes a request apart into its JSON and its pictures.
func readKServe(h http.Header, body []byte, most int) (*KServeRequest, []picture, error) {
	text, rest := body, []byte(nil)
	header := h.Get(kserveHeader)
	if header == "0" || header == "" && looksLikePicture(body) {
		return readKServeRaw(body)
	}
	if header != "" {
		n, err := strconv.Atoi(header)
		if err != nil || n < 0 || n > len(body) {
			return nil, nil, failf(kindBadForm, "%s %q does not fit a body of %d bytes", kserveHeader, clip(header), len(body))
		}
		text, rest = body[:n], body[n:]
	}
	req := &KServeRequest{}
	if err := decodeLenientBytes(text, req); err != nil {
		return nil, nil, err
	}
	if len(req.Inputs) != 1 {
		return nil, nil, failf(kindBadJSON, "%d inputs, want one: %s", len(req.Inputs), kserveImage)
	}
	input := &req.Inputs[0]
	switch {
	case input.Name != kserveImage:
		return nil, nil, failf(kindBadJSON, "no input %q here, want %q", clip(input.Name), kserveImage)
	case input.Datatype != "BYTES":
		return nil, nil, failf(kindBadJSON, "input %s is %q, want BYTES: encoded pictures", kserveImage, clip(input.Datatype))
	}
	n, err := kserveCount(input.Shape, most)
	if err != nil {
		return nil, nil, err
	}
	pictures, err := input.pictures(rest)
	if err != nil {
		return nil, nil, err
	}
	if len(pictures) != n {
		return nil, nil, failf(kindBadForm, "shape %v announces %d pictures, but there are %d", input.Shape, n, len(pictures))
	}
	for i, p := range pictures {
		if len(p.data) == 0 {
			return nil, nil, failf(kindEmptyBody, "picture %d has no bytes", i+1)
		}
	}
	return req, pictures, nil
}

// readKServeRaw is Triton's raw binary request: no JSON, only the one element of
// the one input, with or without its length in front.
func readKServeRaw(body []byte) (*KServeRequest, []picture, error) {
	if len(body) > 4 && !looksLikePicture(body) && int64(binary.LittleEndian.Uint32(body)) == int64(len(body)-4) {
		body = body[4:]
	}
	if len(body) == 0 {
		return nil, nil, failf(kindEmptyBody, "no picture: the body is empty")
	}
	return &KServeRequest{}, []picture{{data: body}}, nil
}

// kserveCount is the number of elements of a shape.
func kserveCount(shape []int, most int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 1 || d > most {
			return 0, failf(kindBadJSON, "shape %v of %s: want 1 to %d pictures", clip(fmt.Sprint(shape)), kserveImage, most)
		}
		if n *= d; n > most {
			return 0, failf(kindBadJSON, "shape %v of %s: at most %d pictures", clip(fmt.Sprint(shape)), kserveImage, most)
		}
	}
	return n, nil
}

// pictures are the elements of the tensor: base64 text in JSON, or binary, each
// behind its length in 4 bytes, little-endian.
func (in *kserveInput) pictures(rest []byte) ([]picture, error) {
	var out []picture
	if in.Parameters.BinarySize == nil {
		if len(in.Data) == 0 {
			return nil, failf(kindEmptyBody, "input %s has neither data nor binary_data_size", kserveImage)
		}
		var texts []base64Picture
		if err := decodeLenientBytes(in.Data, &texts); err != nil {
			return nil, err
		}
		for _, t := range texts {
			out = append(out, picture{data: t})
		}
		return out, nil
	}
	if size := *in.Parameters.BinarySize; size != int64(len(rest)) {
		return nil, failf(kindBadForm, "binary_data_size %d, but %d bytes follow the JSON", size, len(rest))
	}
	for len(rest) > 0 {
		if len(rest) < 4 {
			return nil, failf(kindBadForm, "binary data ends within a length")
		}
		n := binary.LittleEndian.Uint32(rest)
		rest = rest[4:]
		if int64(n) > int64(len(rest)) {
			return nil, failf(kindBadForm, "binary data ends within picture %d", len(out)+1)
		}
		out = append(out, picture{data: rest[:n]})
		rest = rest[n:]
	}
	return out, nil
}

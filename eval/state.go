package eval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// state is what a run has found so far and where it keeps it.
type state struct {
	file       string // empty: nowhere
	made       string
	set        *Dataset
	categories map[int]bool
	done       map[int]bool
	found      map[int][]Detection
	sum        string // of the results file as it is on disk
}

// sidecar is the content of the file beside the results: whose they are.
//
// It is written before the results file, with the checksums of both the old one
// and the new one, so that it fits whichever of the two a killed run leaves.
type sidecar struct {
	Format int               `json:"format"`
	Made   string            `json:"made"`
	SHA256 []string          `json:"sha256"` // of the results files that it fits
	Files  map[string]string `json:"files"`  // of the photos that were run: id to file name
	Empty  []string          `json:"empty"`  // ids of those in which nothing was found
}

const sidecarFormat = 2

func sidecarName(results string) string { return results + ".state" }

// openState reads what an earlier run left. A results file that this very run
// (same model, same settings, same photos) did not write is refused: taking it
// over would show somebody else's numbers as the model's, and then overwrite it.
func (r *Runner) openState(d *Dataset) (*state, error) {
	s := &state{file: r.Results, made: r.Made, set: d, done: map[int]bool{}, found: map[int][]Detection{}}
	_, s.categories = idSet(d)
	if r.Results == "" {
		return s, nil
	}
	if err := s.read(); err != nil {
		return nil, fmt.Errorf("results %s: %w", r.Results, err)
	}
	return s, nil
}

func (s *state) read() error {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	side, err := readSidecar(s.file)
	if err != nil {
		return err
	}
	const remedy = "score it with --detections, remove it or name another file"
	s.sum = checksum(text)
	switch {
	case side.Made != s.made:
		return fmt.Errorf("it was made by %q and this run is %q; %s", side.Made, s.made, remedy)
	case !slices.Contains(side.SHA256, s.sum):
		return fmt.Errorf("it was changed since %s was written; %s", filepath.Base(sidecarName(s.file)), remedy)
	}
	results, err := ReadResults(bytes.NewReader(text), s.set)
	if err != nil {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	if left := results.LeftOut; len(left) > 0 {
		return fmt.Errorf("it is of another data set: %s; %s", left[0], remedy)
	}
	for _, det := range results.Detections {
		s.done[det.Image] = true
		s.found[det.Image] = append(s.found[det.Image], det)
	}
	empty := make(map[string]bool, len(side.Empty))
	for _, id := range side.Empty {
		empty[id] = true
	}
	files := 0
	for _, im := range s.set.Images {
		file, ok := side.Files[im.label()]
		if !ok {
			continue
		}
		files++
		if file != im.File {
			return fmt.Errorf("it is of other photos: image %s was %s and is %s; %s", im.label(), file, im.File, remedy)
		}
		if empty[im.label()] {
			s.done[im.ID] = true
		}
	}
	if files < len(side.Files) {
		return fmt.Errorf("it is of other photos: %d of its %d are not in the data set; %s", len(side.Files)-files, len(side.Files), remedy)
	}
	return nil
}

func checksum(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func readSidecar(results string) (sidecar, error) {
	var side sidecar
	name := filepath.Base(sidecarName(results))
	text, err := os.ReadFile(sidecarName(results))
	if errors.Is(err, fs.ErrNotExist) {
		return side, fmt.Errorf("there is no %s beside it, so no run of riffle made it; score it with --detections, or name another file", name)
	}
	if err != nil {
		return side, err
	}
	if err := json.Unmarshal(text, &side); err != nil {
		// The format's number comes first: a newer version may have changed the rest.
		var format struct {
			Format int `json:"format"`
		}
		if json.Unmarshal(text, &format) != nil || format.Format == sidecarFormat {
			return side, fmt.Errorf("%s is damaged; score the results with --detections, or name another file", name)
		}
		side.Format = format.Format
	}
	if side.Format != sidecarFormat {
		return side, fmt.Errorf("%s is of format %d, which this version does not know; score the results with --detections, or name another file", name, side.Format)
	}
	return side, nil
}

var errNotFinite = errors.New("the detector returned a number that is not finite")

// take notes one photo's detections.
func (s *state) take(im Image, dets []Detection) error {
	out := make([]Detection, 0, len(dets))
	for _, det := range dets {
		if !finite(det) {
			return errNotFinite
		}
		if len(s.categories) > 0 && !s.categories[det.Category] {
			return fmt.Errorf("the detector returned category %d, which the data set does not have", det.Category)
		}
		det.Image, det.Area = im.ID, 0 // the file has no place for an area
		out = append(out, rounded(det))
	}
	s.done[im.ID] = true
	s.found[im.ID] = out
	return nil
}

// save replaces the file beside the results, then the results file.
func (s *state) save() error {
	if s.file == "" {
		return nil
	}
	var dets []Detection
	side := sidecar{Format: sidecarFormat, Made: s.made, Files: map[string]string{}, Empty: []string{}}
	for _, im := range s.set.Images {
		if !s.done[im.ID] {
			continue
		}
		side.Files[im.label()] = im.File
		if len(s.found[im.ID]) == 0 {
			side.Empty = append(side.Empty, im.label())
		}
		dets = append(dets, s.found[im.ID]...)
	}
	var text bytes.Buffer
	if err := WriteResults(&text, s.set, dets); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	sum := checksum(text.Bytes())
	side.SHA256 = []string{sum}
	if s.sum != "" && s.sum != sum {
		side.SHA256 = append(side.SHA256, s.sum)
	}
	err := replaceFile(sidecarName(s.file), func(w io.Writer) error { return json.NewEncoder(w).Encode(side) })
	if err == nil {
		err = replaceFile(s.file, func(w io.Writer) error { _, err := w.Write(text.Bytes()); return err })
	}
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	s.sum = sum
	return nil
}

// replaceFile writes a file whole or not at all: a reader, or a run that is
// killed, sees the old one or the new one.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil { // CreateTemp's files are private
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

package eval

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// state is what a run has found so far and where it keeps it.
type state struct {
	file       string // empty: nowhere
	made       string
	order      []int // image ids in the order of the file
	categories map[int]bool
	done       map[int]bool
	found      map[int][]Detection
}

// sidecar is the content of the file beside the results.
type sidecar struct {
	Format int    `json:"format"`
	Made   string `json:"made"`
	SHA256 string `json:"sha256"` // of the results file
	Empty  []int  `json:"empty"`  // images that were run and in which nothing was found
}

func sidecarName(results string) string { return results + ".state" }

// openState reads what an earlier run left.
func (r *Runner) openState(d *Dataset) (s *state, notes []string, err error) {
	s = &state{file: r.Results, made: r.Made, done: map[int]bool{}, found: map[int][]Detection{}}
	_, s.categories = idSet(d)
	for _, im := range d.Images {
		s.order = append(s.order, im.ID)
	}
	if r.Results == "" {
		return s, nil, nil
	}
	f, err := os.Open(r.Results)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("results: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	in := io.TeeReader(bufio.NewReaderSize(f, 1<<20), sum)
	dets, problems, err := ReadResults(in, d)
	if err != nil {
		return nil, nil, fmt.Errorf("results %s: %w; remove it or name another file", r.Results, err)
	}
	if len(problems) > 0 {
		return nil, nil, fmt.Errorf("results %s is of another data set (%s); remove it or name another file", r.Results, problems[0])
	}
	// The decoder stops at the list's end; the checksum goes on to the file's.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, nil, fmt.Errorf("results: %w", err)
	}
	for _, det := range dets {
		s.done[det.Image] = true
		s.found[det.Image] = append(s.found[det.Image], det)
	}
	side, err := readSidecar(r.Results)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		notes = append(notes, fmt.Sprintf("%s has no %s beside it: photos without detections are run again", r.Results, filepath.Base(sidecarName(r.Results))))
	case err != nil:
		return nil, nil, err
	case side.Made != r.Made:
		return nil, nil, fmt.Errorf("results %s was made by %q and this run is %q; remove it or name another file", r.Results, side.Made, r.Made)
	case side.SHA256 != hex.EncodeToString(sum.Sum(nil)):
		notes = append(notes, fmt.Sprintf("%s was changed since %s was written: photos without detections are run again", r.Results, filepath.Base(sidecarName(r.Results))))
	default:
		for _, id := range side.Empty {
			s.done[id] = true
		}
	}
	return s, notes, nil
}

func readSidecar(results string) (sidecar, error) {
	var side sidecar
	text, err := os.ReadFile(sidecarName(results))
	if err != nil {
		return side, err
	}
	if err := json.Unmarshal(text, &side); err != nil {
		return side, fmt.Errorf("%s: %w; remove it to run photos without detections again", sidecarName(results), err)
	}
	if side.Format != 1 {
		return side, fmt.Errorf("%s is of format %d, which this version does not know", sidecarName(results), side.Format)
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
		det.Image = im.ID
		out = append(out, rounded(det))
	}
	s.done[im.ID] = true
	s.found[im.ID] = out
	return nil
}

// save replaces the results file, then the one beside it.
func (s *state) save() error {
	if s.file == "" {
		return nil
	}
	var dets []Detection
	side := sidecar{Format: 1, Made: s.made, Empty: []int{}}
	for _, id := range s.order {
		if s.done[id] && len(s.found[id]) == 0 {
			side.Empty = append(side.Empty, id)
		}
		dets = append(dets, s.found[id]...)
	}
	sum := sha256.New()
	err := replaceFile(s.file, func(w io.Writer) error { return WriteResults(io.MultiWriter(w, sum), dets) })
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	side.SHA256 = hex.EncodeToString(sum.Sum(nil))
	err = replaceFile(sidecarName(s.file), func(w io.Writer) error { return json.NewEncoder(w).Encode(side) })
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
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

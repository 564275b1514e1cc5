package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

type cocoResult struct {
	Image    *float64  `json:"image_id"`
	Category *float64  `json:"category_id"`
	Box      []float64 `json:"bbox"`
	Score    *float64  `json:"score"`
}

// WriteResults writes detections in COCO's results format, one a line: the
// file that pycocotools' loadRes reads. Every number is written with as many
// digits as it takes to read the same float64 back.
func WriteResults(w io.Writer, dets []Detection) error {
	out := bufio.NewWriter(w)
	line := make([]byte, 0, 160)
	line = append(line, '[')
	for i, d := range dets {
		if !finite(d) {
			return fmt.Errorf("detection %d of image %d: a number that JSON cannot hold", i+1, d.Image)
		}
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, "\n{\"image_id\":"...)
		line = strconv.AppendInt(line, int64(d.Image), 10)
		line = append(line, ",\"category_id\":"...)
		line = strconv.AppendInt(line, int64(d.Category), 10)
		line = append(line, ",\"bbox\":["...)
		for k, v := range [4]float64{d.Box.X, d.Box.Y, d.Box.W, d.Box.H} {
			if k > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendFloat(line, v, 'g', -1, 64)
		}
		line = append(line, "],\"score\":"...)
		line = strconv.AppendFloat(line, d.Score, 'g', -1, 64)
		line = append(line, '}')
		if _, err := out.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	line = append(line, "\n]\n"...)
	if _, err := out.Write(line); err != nil {
		return err
	}
	return out.Flush()
}

func finite(d Detection) bool {
	for _, v := range [5]float64{d.Box.X, d.Box.Y, d.Box.W, d.Box.H, d.Score} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// ReadResults reads detections in COCO's results format, anybody's, for the
// images of d. Entries that are broken or name an image or a category that d
// does not have are left out; problems says in one line a kind how many and
// which was the first. An error means that the file as a whole cannot be used.
//
// A box with a negative side is kept: like pycocotools, scoring counts it as a
// detection that finds nothing.
func ReadResults(r io.Reader, d *Dataset) (dets []Detection, problems []string, err error) {
	images, categories := idSet(d)
	tally := newTally()
	dec := json.NewDecoder(r)
	first, err := dec.Token()
	if err != nil {
		return nil, nil, jsonError(dec, err)
	}
	if first != json.Delim('[') {
		return nil, nil, errors.New("no list of detections (a results file is a JSON list of image_id, category_id, bbox and score)")
	}
	for place := 1; dec.More(); place++ {
		var v cocoResult
		if err := dec.Decode(&v); err != nil {
			var wrong *json.UnmarshalTypeError
			if !errors.As(err, &wrong) {
				return nil, nil, fmt.Errorf("detection %d: %w", place, jsonError(dec, err))
			}
			tally.add("of a wrong shape", "entry %d, %s", place, wrongShape(wrong))
			continue
		}
		image, okImage := wholeNumber(v.Image)
		category, okCategory := wholeNumber(v.Category)
		switch {
		case !okImage || !okCategory || len(v.Box) != 4 || v.Score == nil:
			tally.add("without a whole image_id and category_id, a bbox of four numbers and a score", "entry %d", place)
		case !images[image]:
			tally.add("of images that the data set does not have", "entry %d, image %d", place, image)
		case len(categories) > 0 && !categories[category]:
			tally.add("of categories that the data set does not have", "entry %d, category %d", place, category)
		default:
			dets = append(dets, Detection{Image: image, Category: category, Box: Box{v.Box[0], v.Box[1], v.Box[2], v.Box[3]}, Score: *v.Score})
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, jsonError(dec, err)
	}
	return dets, tally.lines(), nil
}

func idSet(d *Dataset) (images, categories map[int]bool) {
	images = make(map[int]bool, len(d.Images))
	for _, im := range d.Images {
		images[im.ID] = true
	}
	categories = make(map[int]bool, len(d.Categories))
	for _, c := range d.Categories {
		categories[c.ID] = true
	}
	return images, categories
}

// tally counts faults by kind, so that a file with a hundred thousand of one
// kind yields one line and not as many.
type tally struct {
	kinds []string
	count map[string]int
	first map[string]string
}

func newTally() *tally {
	return &tally{count: map[string]int{}, first: map[string]string{}}
}

func (t *tally) add(kind, first string, args ...any) {
	if t.count[kind] == 0 {
		t.kinds = append(t.kinds, kind)
		t.first[kind] = fmt.Sprintf(first, args...)
	}
	t.count[kind]++
}

func (t *tally) lines() []string {
	var out []string
	for _, k := range t.kinds {
		out = append(out, fmt.Sprintf("%d detections %s (first: %s)", t.count[k], k, t.first[k]))
	}
	return out
}

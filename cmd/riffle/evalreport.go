package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/riffle/detector"
	"example.com/riffle/eval"
	"example.com/riffle/photo"
)

// report scores the detections.
func (s *scored) report(c *evalCmd) (*eval.Report, error) {
	opt := eval.Options{Threshold: c.Threshold, Pictures: -1}
	if c.HTML != "" {
		opt.Pictures = 0 // as many as usual
	}
	r, err := eval.Analyze(s.set, s.dets, opt)
	if err != nil {
		return nil, err
	}
	r.Title, r.Timings, r.Seconds = s.title, s.timings, s.took.Round(time.Millisecond).Seconds()
	r.LeftOut.Append(s.leftOut)
	r.Notes = slices.Concat(s.set.Notes, s.notes)
	r.Incomplete = s.incomplete
	r.Facts = append(c.dataFacts(s.set), s.facts...)
	r.Facts = append(r.Facts, eval.Fact{Name: "riffle", Value: shortVersion()}, eval.Fact{Name: "date", Value: time.Now().Format("2006-01-02 15:04 MST")})
	return r, nil
}

// before scores the results to compare with, on the photos that were scored.
func (c *evalCmd) before(results *eval.Results, used *eval.Dataset) (*eval.Report, error) {
	r, err := eval.Analyze(used, used.OnlyDetections(results.Detections), eval.Options{Threshold: c.Threshold, Pictures: -1})
	if err != nil {
		return nil, err
	}
	r.Title = c.Compare
	return r, nil
}

// dataFacts say what was scored.
func (c *evalCmd) dataFacts(set *eval.Dataset) []eval.Fact {
	var out []eval.Fact
	for _, f := range []eval.Fact{
		{Name: "photos", Value: c.Images}, {Name: "annotations", Value: c.Annotations}, {Name: "split", Value: set.Split},
		{Name: "class map", Value: c.ClassMap}, {Name: "compared with", Value: c.Compare},
	} {
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out
}

// modelFacts say what scored it.
func (c *evalCmd) modelFacts(info detector.Info, threads, workers, resumed int) []eval.Fact {
	out := []eval.Fact{
		{Name: "model", Value: info.Name}, {Name: "network", Value: info.Arch},
		{Name: "input", Value: fmt.Sprintf("%d × %d", info.Width, info.Height)},
		{Name: "precision", Value: info.Precision.String()},
		{Name: "processor", Value: processorName() + " [" + info.ISA + "]"},
		{Name: "threads", Value: strconv.Itoa(threads)}, {Name: "workers", Value: strconv.Itoa(workers)},
	}
	if c.FirstStageOnly {
		out = append(out, eval.Fact{Name: "stages", Value: "the first alone"})
	}
	if c.Proposals > 0 {
		out = append(out, eval.Fact{Name: "proposals", Value: strconv.Itoa(c.Proposals)})
	}
	if resumed > 0 {
		out = append(out, eval.Fact{Name: "from an earlier run", Value: fmt.Sprintf("%d photos", resumed)})
	}
	return out
}

// write makes the files that were asked for.
func (c *evalCmd) write(r *eval.Report) error {
	if c.Plots != "" {
		if _, err := r.WritePlots(c.Plots); err != nil {
			return err
		}
	}
	if c.Tables != "" {
		if _, err := r.WriteTables(c.Tables); err != nil {
			return err
		}
	}
	if c.HTML == "" {
		return nil
	}
	var page strings.Builder
	if err := r.WriteHTML(&page, loadPhoto); err != nil {
		return fmt.Errorf("--html %s: %w", c.HTML, err)
	}
	return writeFile(c.HTML, []byte(page.String()))
}

// loadPhoto reads a photo for the report's page.
func loadPhoto(im eval.Image) (image.Image, error) {
	if im.Path == "" {
		return nil, errors.New("the photo is not here")
	}
	p, err := readPhoto(im.Path, nil, photo.Options{})
	if err != nil {
		return nil, err
	}
	return photo.Upright(p), nil
}

// numbersJSON is what --json prints: COCO's numbers and what a script should
// know of them.
type numbersJSON struct {
	eval.Metrics
	Best        *eval.ConfidencePoint `json:"best_threshold,omitempty"`
	Reliability *eval.Reliability     `json:"reliability,omitempty"`
	LeftOut     eval.Omissions        `json:"left_out"`
	Notes       []string              `json:"notes"`
	Incomplete  string                `json:"incomplete,omitempty"`
	Compared    *comparedNumbers      `json:"compared,omitempty"`
}

type comparedNumbers struct {
	File string `json:"file"`
	eval.Metrics
}

func printJSON(w io.Writer, r *eval.Report) error {
	out := numbersJSON{Metrics: r.Metrics, LeftOut: r.LeftOut, Notes: r.Notes, Incomplete: r.Incomplete}
	if out.LeftOut == nil {
		out.LeftOut = eval.Omissions{}
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	if best := r.Confidence.Best; r.Objects > 0 {
		out.Best, out.Reliability = &best, &r.Reliability
	}
	if r.Before != nil {
		out.Compared = &comparedNumbers{r.Before.Title, r.Before.Metrics}
	}
	return json.NewEncoder(w).Encode(out)
}

// printRemarks says below the table what the numbers do not.
func printRemarks(w io.Writer, r *eval.Report) {
	if r.Objects > 0 {
		best := r.Confidence.Best
		fmt.Fprintf(w, "Best F1 %s at score %.3f (precision %s, recall %s; IoU 0.5, all classes together).\n",
			percent(best.F1), best.Threshold, percent(best.Precision), percent(best.Recall))
	}
	if e := r.Reliability.Error; r.Objects > 0 && e >= 0 {
		fmt.Fprintf(w, "Calibration error %.3f (mean distance of score and share that is right, scores from 0.05).\n", e)
	}
	if r.Before != nil {
		const most = 5
		changes := r.Changes(r.Before)
		for i, c := range changes[:min(most, len(changes))] {
			if c.Change() == 0 {
				break
			}
			if i == 0 {
				fmt.Fprintln(w, "AP by class, the largest changes:")
			}
			fmt.Fprintf(w, "  %s %s -> %s (%+.1f, %d objects)\n", c.Name, percent(c.Before), percent(c.AP), 100*c.Change(), c.Objects)
		}
	}
	if n := r.LeftOut.Total(); n > 0 {
		fmt.Fprintf(w, "Left out: %d, see above.\n", n)
	}
	if r.Incomplete != "" {
		fmt.Fprintf(w, "Not the whole data set: %s.\n", r.Incomplete)
	}
}

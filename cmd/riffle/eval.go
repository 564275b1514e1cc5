package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/riffle"
	"example.com/riffle/detector"
	"example.com/riffle/eval"
	"example.com/riffle/models"
	"example.com/riffle/nn"
)

type evalCmd struct {
	Images      string `placeholder:"DIR" help:"Folder of the photos; with YOLO or VOC labels the folder of the data set is enough."`
	Annotations string `placeholder:"FILE" help:"COCO annotations (.json), a YOLO data.yaml, class names (classes.txt), a list of photos or a VOC split (.txt), or a folder of labels."`

	Detections string `placeholder:"FILE" help:"Score this COCO results file instead of running a model."`
	Model      string `short:"m" env:"RIFFLE_MODEL" placeholder:"NAME|FILE" help:"Embedded model or safetensors file, at the size it was trained for; what --quality chooses if not given."`
	qualityFlags
	tilesFlag
	photoLimit
	precisionFlag
	FirstStageOnly bool `help:"Score the first stage alone. The table also shows what the second stage adds to it."`
	Proposals      int  `placeholder:"N" help:"Regions that the second stage looks at; what the model was trained for if not given."`
	Limit          int  `placeholder:"N" help:"Use only the first N photos."`
	Threads        int  `default:"1" env:"RIFFLE_THREADS" help:"Threads that work on one photo."`
	Workers        int  `default:"0" env:"RIFFLE_WORKERS" help:"Photos worked on at a time; 0 for as many as the processors allow."`

	Results   string  `placeholder:"FILE.json" help:"Write the detections as a COCO results file. If an earlier run of the same command wrote it, the run goes on where it left off."`
	Plots     string  `placeholder:"DIR" help:"Write plots (SVG) into this folder."`
	Tables    string  `placeholder:"DIR" help:"Write the report as JSON, Markdown and CSV into this folder: numbers by class, errors, confusions, precision, recall and F1 by score."`
	HTML      string  `name:"html" placeholder:"FILE" help:"Write a report as one HTML page."`
	Threshold float64 `default:"0.3" help:"Score from which on a detection counts in plots and report; the numbers do not depend on it (${default})."`
	JSON      bool    `name:"json" short:"j" help:"Print the numbers as one JSON object."`

	Compare  string `placeholder:"FILE" help:"Score this COCO results file too and show what has changed since."`
	ClassMap string `placeholder:"FILE" help:"YAML mapping that renames classes of the data set and of the model, such as pedestrian: person; no name leaves a class out."`

	Split   string `placeholder:"NAME" help:"Part of the data set to score: train, val, test or all; the first there is of val, test and train if not given."`
	VOCBase string `name:"voc-base" default:"auto" enum:"auto,0,1" help:"What the pixel coordinates of VOC XML count from: 1 as PASCAL VOC's, 0 as CVAT's, or auto to tell by what the files hold (${default})."`
	Strict  bool   `help:"Fail if anything is left out: a broken label or detection, a photo that is not there or cannot be read."`
}

// Help is shown below the flags.
func (*evalCmd) Help() string {
	return `All that the model reports, at most 100 detections a photo, is scored as pycocotools does. Interrupting a run scores what is done.

    riffle eval --images val/images --annotations val/instances.json
    riffle eval --images val/images --annotations val/instances.json --results boxes.json --html report.html
    riffle eval --images val/images --annotations val/instances.json --first-stage-only
    riffle eval --annotations val/instances.json --detections boxes.json --json
    riffle eval --annotations val/instances.json --detections new.json --compare old.json --tables report
    riffle eval --annotations data.yaml --split test --class-map classes.yaml

What cannot be used (broken entries, photos that are not there or cannot be read) is left out and counted; --strict makes it an error. Exit status 1 if nothing could be used.`
}

// Validate is called by kong after parsing.
func (c *evalCmd) Validate() error {
	switch {
	case c.Images == "" && (c.Annotations == "" || c.Detections == "" && strings.EqualFold(filepath.Ext(c.Annotations), ".json")):
		return errors.New("--images DIR is missing (only --annotations with --detections, a data.yaml or a list of photos can do without)")
	case c.checkSize() != nil:
		return c.checkSize()
	case c.Proposals < 0:
		return fmt.Errorf("--proposals must be positive, not %d", c.Proposals)
	case c.Limit < 0 || c.Threads < 1 || c.Workers < 0:
		return errors.New("limit, threads and workers must be positive")
	case !(c.Threshold > 0 && c.Threshold <= 1):
		return fmt.Errorf("--threshold must be above 0 and at most 1, not %g", c.Threshold)
	case !slices.Contains([]string{"", "train", "val", "test", "all"}, c.Split):
		return fmt.Errorf("--split must be train, val, test or all, not %q", c.Split)
	case c.Detections != "" && c.Results != "":
		return errors.New("--detections and --results exclude each other")
	case c.Detections != "" && c.FirstStageOnly:
		return errors.New("--detections and --first-stage-only exclude each other")
	case c.Compare != "" && c.FirstStageOnly:
		return errors.New("--compare and --first-stage-only exclude each other")
	}
	return nil
}

// scored is a set of detections with the photos they are of.
type scored struct {
	title      string
	set        *eval.Dataset
	dets       []eval.Detection
	timings    []eval.Timing
	took       time.Duration
	facts      []eval.Fact // about the model and its settings
	notes      []string
	incomplete string         // why not all photos were scored
	column     int            // its place in the table
	leftOut    eval.Omissions // what was left out behind the data set: detections, photos
	failed     error          // what went wrong without making the numbers useless
}

// Run is called by kong.
func (c *evalCmd) Run(std stdio) error {
	say := sayer{std}
	if err := c.checkOutputs(); err != nil {
		return err
	}
	set, err := c.open(say)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the next signal ends the process at once

	s, columns, err := c.score(ctx, set, say)
	if err != nil {
		return err
	}
	report := columns[len(columns)-1].report
	// The numbers come out even where a file cannot be written.
	writeErr := c.write(columns[s.column].report)
	if c.JSON {
		err = printJSON(std.out, columns[s.column].report)
	} else if err = printMetrics(std.out, columns); err == nil {
		printRemarks(std.out, report)
	}
	return cmp.Or(err, writeErr, s.end(c))
}

// score gives the columns of the table: the detections' own, and before it or
// behind it those that it is compared with.
func (c *evalCmd) score(ctx context.Context, set *eval.Dataset, say sayer) (*scored, []column, error) {
	var before *eval.Results
	var s *scored
	var err error
	if c.Compare != "" { // a file that is not there is better known before the work than after
		if before, err = c.readResults("--compare", c.Compare, set, say); err != nil {
			return nil, nil, err
		}
	}
	if c.Detections != "" {
		s, err = c.read(set, say)
	} else {
		s, err = c.detect(ctx, set, say, c.FirstStageOnly, c.Results)
	}
	if err != nil {
		return nil, nil, err
	}
	report, err := s.report(c)
	if err != nil {
		return nil, nil, err
	}
	columns := []column{{s.title, report}}
	switch {
	case before != nil:
		if report.Before, err = c.before(before, s.set); err != nil {
			return nil, nil, err
		}
		s.column = 1
		return s, []column{{report.Before.Title, report.Before}, {s.title, report}}, nil
	case c.FirstStageOnly && !c.JSON && set.Labeled && s.failed == nil:
		whole, err := c.detect(ctx, s.set, say, false, "")
		if err != nil {
			return nil, nil, err
		}
		r, err := whole.report(c)
		if err != nil {
			return nil, nil, err
		}
		s.failed = whole.failed
		return s, []column{{"first stage", report}, {"both stages", r}}, nil
	}
	return s, columns, nil
}

// open reads the data set. Photos are not needed to score a results file: those
// that are not there are missing from the page alone.
func (c *evalCmd) open(say sayer) (*eval.Dataset, error) {
	source := eval.Source{Images: c.Images, Annotations: c.Annotations, Split: c.Split, VOCBase: vocBases[c.VOCBase]}
	scoreOnly := c.Detections != "" && strings.EqualFold(filepath.Ext(c.Annotations), ".json")
	if scoreOnly {
		source.Images = ""
	}
	set, err := source.Open()
	if err != nil {
		return nil, err
	}
	if c.ClassMap != "" {
		m, err := eval.ReadClassMap(c.ClassMap)
		if err != nil {
			return nil, fmt.Errorf("--class-map %s: %w", c.ClassMap, fileError(err))
		}
		set.MapClasses(m)
	}
	if scoreOnly && c.Images != "" {
		if missing := set.Locate(c.Images); len(missing) > 0 {
			set.Notes = append(set.Notes, fmt.Sprintf("%d photos are not in %s, such as %s: their detections are scored, the page cannot show them", len(missing), c.Images, missing[0].File))
		}
	}
	if c.Strict && len(set.LeftOut) > 0 {
		return nil, strictError(set.LeftOut)
	}
	say.all("left out: ", set.LeftOut.Lines())
	say.all("", set.Notes)
	return set, nil
}

var vocBases = map[string]eval.VOCBase{"auto": eval.VOCBaseAuto, "0": eval.VOCBaseZero, "1": eval.VOCBaseOne}

func strictError(left eval.Omissions) error {
	return fmt.Errorf("--strict: left out: %s", strings.Join(left.Lines(), "; "))
}

// end is how the program ends once the numbers are out.
func (s *scored) end(c *evalCmd) error {
	if s.failed == nil && c.Strict && len(s.leftOut) > 0 {
		return strictError(s.leftOut)
	}
	return s.failed
}

// read takes the detections from a results file.
func (c *evalCmd) read(set *eval.Dataset, say sayer) (*scored, error) {
	start := time.Now()
	results, err := c.readResults("detections", c.Detections, set, say)
	if err != nil {
		return nil, err
	}
	s := &scored{title: c.Detections, set: set, dets: results.Detections, leftOut: results.LeftOut, notes: results.Notes}
	s.facts = []eval.Fact{{Name: "detections", Value: c.Detections}}
	if c.Limit > 0 && c.Limit < len(set.Images) {
		s.set = set.Only(set.Images[:c.Limit])
		s.dets = s.set.OnlyDetections(s.dets)
		s.incomplete = limited(c.Limit, len(set.Images))
	}
	s.took = time.Since(start)
	return s, nil
}

// readResults reads a results file; what is its name in errors.
func (c *evalCmd) readResults(what, path string, set *eval.Dataset, say sayer) (*eval.Results, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, path, fileError(err))
	}
	defer f.Close()
	results, err := eval.ReadResults(f, set)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, path, err)
	}
	if c.Strict && len(results.LeftOut) > 0 {
		return nil, strictError(results.LeftOut)
	}
	say.all(path+": left out: ", results.LeftOut.Lines())
	say.all(path+": ", results.Notes)
	return results, nil
}

// detect runs the model over the photos.
func (c *evalCmd) detect(ctx context.Context, set *eval.Dataset, say sayer, firstOnly bool, results string) (*scored, error) {
	file, err := models.Open(cmp.Or(c.Model, c.quality().Model()))
	if err != nil {
		return nil, err
	}
	threads, workers := c.share(runtime.GOMAXPROCS(0), say)
	d, err := riffle.Open(c.Model, riffle.Options{
		Threads: threads, Workers: workers, FirstStageOnly: firstOnly,
		Quality: c.quality(), Size: c.Size, Proposals: c.Proposals, Precision: c.precision(),
	})
	if err != nil {
		return nil, err
	}
	said := len(set.Notes)
	look, without := newLook(d, c.tilesFlag, c.limits(), set)
	if len(without) > 0 {
		set.Note("the model does not know %d of the %d categories, such as %q: their objects count as missed",
			len(without), len(set.Categories), without[0].Name)
	}
	say.all("", set.Notes[said:])
	runner := eval.Runner{
		Detect: look.photo, Workers: workers, Limit: c.Limit,
		Results: results, Made: c.made(d.Info(), file.Data, look, firstOnly), Progress: terminalFile(say.err),
	}
	run, err := runner.Run(ctx, set)
	if ctx.Err() != nil && (run == nil || len(run.Images) == 0) {
		return nil, errors.New("interrupted before a photo was done")
	}
	if err != nil && ctx.Err() == nil {
		return nil, err
	}
	s := &scored{title: d.Info().Name, set: set.Only(run.Images), dets: run.Detections, timings: run.Timings, took: run.Elapsed}
	s.facts = c.modelFacts(d.Info(), threads, workers, run.Resumed)
	for _, skipped := range run.Skipped {
		s.leftOut.Add("photos", eval.LeftUnreadable, "%s: %s", skipped.Image.File, skipped.Err.Error())
	}
	say.all("left out: ", s.leftOut.Lines())
	s.notes = append(look.wrongSizes(), look.damage()...)
	say.all("", s.notes)
	switch { // err is ctx's
	case err != nil:
		s.incomplete = fmt.Sprintf("interrupted after %d of %d photos", len(run.Images), min(cmp.Or(c.Limit, len(set.Images)), len(set.Images)))
		s.failed = fmt.Errorf("interrupted: these are the numbers of %d photos", len(run.Images))
		if results != "" {
			s.failed = fmt.Errorf("%w; the same command goes on from there", s.failed)
		}
	case c.Limit > 0 && c.Limit < len(set.Images):
		s.incomplete = limited(c.Limit, len(set.Images))
	}
	return s, nil
}

// made names model and settings: whose results a file holds.
func (c *evalCmd) made(info detector.Info, model []byte, look *look, firstOnly bool) string {
	made := fmt.Sprintf("%s %.12x %d %d", info.Name, sha256.Sum256(model), info.Width, c.Proposals)
	if firstOnly {
		made += ", first stage only"
	}
	if p := info.Precision; p != nn.Float32 {
		made += ", " + p.String()
	}
	if c.Tiles != (detector.Tiles{}) {
		made += ", tiles " + c.Tiles.String()
	}
	if c.ClassMap != "" {
		made += fmt.Sprintf(", classes %.12x", sha256.Sum256(fmt.Append(nil, look.category)))
	}
	return made
}

func limited(to, all int) string {
	return fmt.Sprintf("limited to the first %d of %d photos", to, all)
}

// share gives each photo its threads and the rest of the processors to further
// photos. More threads than processors only get into each other's way.
func (c *evalCmd) share(processors int, say sayer) (threads, workers int) {
	threads, workers = min(c.Threads, processors), min(c.Workers, processors)
	if threads < c.Threads {
		say.one("--threads %d is more than the processors: %d are used", c.Threads, threads)
	}
	if workers < c.Workers {
		say.one("--workers %d is more than the processors: %d are used", c.Workers, workers)
	}
	if workers == 0 {
		workers = max(1, processors/threads)
	}
	return threads, workers
}

// sayer tells on standard error what does not end the program.
type sayer struct{ stdio }

func (s sayer) one(format string, args ...any) {
	fmt.Fprintf(s.err, "riffle: "+format+"\n", args...)
}

// all says a list, the tenth line being how many more there are.
func (s sayer) all(prefix string, lines []string) { s.most(prefix, lines, 10) }

// most says a list of at most so many lines.
func (s sayer) most(prefix string, lines []string, most int) {
	for i, l := range lines {
		if i == most-1 && len(lines) > most {
			s.one("%s... and %d more of the kind", prefix, len(lines)-i)
			return
		}
		s.one("%s%s", prefix, l)
	}
}

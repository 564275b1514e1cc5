package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// Runner runs a detector over the photos of a data set.
type Runner struct {
	// Detect finds the objects of one photo, in pixels after EXIF orientation,
	// with category ids of the data set (see [Dataset.MatchClasses]). It need
	// not fill in Detection.Image. It is called from Workers goroutines at a
	// time; an error other than the context's skips the photo.
	Detect  func(ctx context.Context, path string) ([]Detection, error)
	Workers int // goroutines that call Detect; default 1
	Limit   int // run at most so many photos, the first ones; 0 means all

	// Results names a file in COCO's results format, empty for none. If it
	// exists the run goes on where it left off: photos already in it are not
	// run again. It is replaced whole every SaveEvery and at the end, so that a
	// cancelled or killed run leaves a valid file.
	//
	// The format cannot say who made it, nor that a photo was run and nothing
	// found. Both stand beside it in Results + ".state", with the photos' names
	// and the file's checksum. A file that does not fit them, or that has none,
	// is somebody else's: Run refuses it and leaves it as it is.
	Results   string
	Made      string        // model and settings; resuming with others is an error
	SaveEvery time.Duration // default 20 seconds

	// Progress is where a progress bar goes, nil for none. Nothing is written
	// to what is not a terminal.
	Progress *os.File
}

// Run is the outcome of a [Runner].
type Run struct {
	Detections []Detection // by image, in the data set's order
	Images     []Image     // done: score on Dataset.Only of these
	Skipped    []Skipped   // photos that could not be run
	Resumed    int         // how many of Images came from an earlier run's file
	Timings    []Timing    // of the photos run now
	Elapsed    time.Duration
}

// Skipped is a photo that could not be run, and why.
type Skipped struct {
	Image Image
	Err   error
}

// Run runs the detector. Detections are rounded to a thousandth of a pixel and
// scores to a millionth, so that the numbers are those of the results file.
//
// If ctx ends, what is done is saved and returned together with ctx's error.
// Photos that fail are skipped; it is an error if no photo is done at all.
func (r *Runner) Run(ctx context.Context, d *Dataset) (*Run, error) {
	start := time.Now()
	images := d.Images
	if r.Limit > 0 {
		images = images[:min(r.Limit, len(images))]
	}
	s, err := r.openState(d)
	if err != nil {
		return nil, err
	}
	out := &Run{}
	var todo []Image
	for _, im := range images {
		if s.done[im.ID] {
			out.Resumed++
		} else {
			todo = append(todo, im)
		}
	}
	if len(todo) > 0 {
		// A file that cannot be written is better known before the work than after.
		if err := s.save(); err != nil {
			return nil, err
		}
	}
	bar := newBar(r.Progress, len(todo), time.Now)
	runErr := r.runAll(ctx, todo, s, out, bar)
	bar.finish()
	if len(todo) > 0 || runErr != nil {
		if err := s.save(); err != nil {
			return nil, err
		}
	}
	for _, im := range images {
		if s.done[im.ID] {
			out.Images = append(out.Images, im)
			out.Detections = append(out.Detections, s.found[im.ID]...)
		}
	}
	out.Elapsed = time.Since(start)
	if runErr == nil && len(out.Skipped) > 0 && len(out.Images) == 0 {
		first := out.Skipped[0]
		return out, fmt.Errorf("all %d photos failed, the first, %s, with: %w", len(todo), first.Image.File, first.Err)
	}
	return out, runErr
}

// lookedAt is one photo's outcome.
type lookedAt struct {
	image Image
	dets  []Detection
	err   error
	took  time.Duration
}

// runAll feeds the photos to the workers and takes in what they find. It
// returns ctx's error if that ended it, or that of a failed save.
func (r *Runner) runAll(ctx context.Context, todo []Image, s *state, out *Run, bar *bar) error {
	if len(todo) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	every := r.SaveEvery
	if every <= 0 {
		every = 20 * time.Second
	}
	saved := time.Now()
	for got := range r.startWorkers(ctx, todo) {
		if ctx.Err() != nil && (errors.Is(got.err, context.Canceled) || errors.Is(got.err, context.DeadlineExceeded)) {
			continue // cut off by the end of ctx: not the photo's fault
		}
		bar.step()
		if got.err == nil {
			got.err = s.take(got.image, got.dets)
		}
		if got.err != nil {
			out.Skipped = append(out.Skipped, Skipped{got.image, got.err})
			continue
		}
		out.Timings = append(out.Timings, Timing{got.image, got.took})
		if time.Since(saved) >= every {
			if err := s.save(); err != nil {
				cancel(err)
			}
			saved = time.Now()
		}
	}
	out.sort(todo)
	return context.Cause(ctx)
}

// startWorkers runs Detect on the photos until they or ctx end; then the channel
// is closed. Whoever calls it has to empty the channel.
func (r *Runner) startWorkers(ctx context.Context, todo []Image) <-chan lookedAt {
	jobs := make(chan Image)
	results := make(chan lookedAt, 64)
	var wg sync.WaitGroup
	for range max(1, min(r.Workers, len(todo))) {
		wg.Go(func() {
			for im := range jobs {
				if ctx.Err() != nil {
					continue // handed out just before the end
				}
				began := time.Now()
				dets, err := r.Detect(ctx, im.Path)
				results <- lookedAt{im, dets, err, time.Since(began)}
			}
		})
	}
	go func() {
		defer func() {
			close(jobs)
			wg.Wait()
			close(results)
		}()
		for _, im := range todo {
			select {
			case jobs <- im:
			case <-ctx.Done():
				return
			}
		}
	}()
	return results
}

// sort puts what the workers did in the order of the photos.
func (out *Run) sort(photos []Image) {
	order := make(map[int]int, len(photos))
	for i, im := range photos {
		order[im.ID] = i
	}
	slices.SortFunc(out.Skipped, func(a, b Skipped) int { return order[a.Image.ID] - order[b.Image.ID] })
	slices.SortFunc(out.Timings, func(a, b Timing) int { return order[a.Image.ID] - order[b.Image.ID] })
}

// rounded is a detection as the results file will hold it.
func rounded(d Detection) Detection {
	pixel := func(v float64) float64 { return math.Round(v*1e3) / 1e3 }
	d.Box = Box{pixel(d.Box.X), pixel(d.Box.Y), pixel(d.Box.W), pixel(d.Box.H)}
	d.Score = math.Round(d.Score*1e6) / 1e6
	return d
}

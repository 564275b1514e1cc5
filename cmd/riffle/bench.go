package main

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/riffle"
	"example.com/riffle/backbone"
	"example.com/riffle/detector"
	"example.com/riffle/internal/suggest"
	"example.com/riffle/models"
	"example.com/riffle/models/importer"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

type benchCmd struct {
	Arch      string   `required:"" placeholder:"NAME" help:"Architecture or embedded model (riffle models lists both), or a detector's architecture that riffle models import knows."`
	Size      *int     `placeholder:"PIXELS" help:"Side of the square input; 224, or what the model was trained for."`
	Proposals int      `placeholder:"N" help:"Regions of a model's second stage; what it was trained for if not given."`
	Threads   int      `default:"1" env:"RIFFLE_THREADS" help:"Threads that share one run."`
	Runs      int      `default:"50" help:"Runs to time, after a warm-up."`
	CPU       string   `name:"cpu" placeholder:"SET" env:"RIFFLE_CPU" help:"Instruction set of the kernels: generic, avx2, avxvnni, avx512, neon, dotprod or i8mm; the best of this processor by default."`
	Precision string   `default:"float32" enum:"${precisions}" env:"RIFFLE_PRECISION" placeholder:"KIND" help:"Arithmetic of the network: float32, bf16, int8, or auto as the other commands have it (${default})."`
	Photo     []string `type:"path" sep:"none" placeholder:"FILE" help:"Time a model on this photo instead, stage by stage from the file's bytes to the JSON; may be given several times."`
	Layers    bool     `help:"Also show every layer's time on one thread, multiply-adds, speed and share of what the core can do in float32."`
	JSON      bool     `name:"json" help:"Print one JSON object."`
}

// Help is shown below the flags.
func (*benchCmd) Help() string {
	return `The weights are those of the model, or random where an architecture is named: the time does not depend on them. A model is timed as a whole, from the planes of its input to its boxes. The JSON's "cpu" is the processor's name and, in brackets, the kernel set.

    riffle bench --arch shufflenet_v2_x1.0 --size 224
    riffle bench --arch shufflenet_v1_x1.0_g3 --threads 2 --cpu avx2 --layers
    riffle bench --arch fasterrcnn_mobilenet_v3_large_320_fpn --layers
    riffle bench --arch ` + models.Default + ` --json
    riffle bench --arch ` + models.Default + ` --precision int8
    riffle bench --arch ` + models.Default + ` --photo FILE.jpg`
}

// Validate is called by kong after parsing.
func (c *benchCmd) Validate() error {
	switch {
	case c.Size != nil && *c.Size < 1 || c.Proposals < 0 || c.Threads < 1 || c.Runs < 1:
		return fmt.Errorf("size, proposals, threads and runs must be positive")
	case c.CPU != "" && !slices.Contains(nn.ISAs(), c.CPU):
		return fmt.Errorf("--cpu %s: unknown here, this processor runs %s", c.CPU, strings.Join(nn.ISAs(), ", "))
	}
	return nil
}

// size is what --size says, 0 if it is not given.
func (c *benchCmd) size() int {
	if c.Size == nil {
		return 0
	}
	return *c.Size
}

// timed is a network ready to be run by the stop watch.
type timed struct {
	size      int
	macs      int64
	params    int64
	cpu       string // kernel set
	precision nn.Precision
	run       func() time.Duration
	profile   func() []nn.Layer
}

// benchResult is what --json prints. These names are a contract.
type benchResult struct {
	Arch      string       `json:"arch"`
	Size      int          `json:"size"`
	Threads   int          `json:"threads"`
	Precision string       `json:"precision,omitempty"` // unless it is float32
	CPU       string       `json:"cpu"`                 // "NAME OF THE PROCESSOR [KERNEL SET]"
	MACs      int64        `json:"macs"`
	Params    int64        `json:"params"`
	MedianMs  float64      `json:"median_ms"`
	MinMs     float64      `json:"min_ms"`
	Runs      int          `json:"runs"`
	Layers    []benchLayer `json:"layers,omitempty"`     // only with --layers
	Peak      float64      `json:"peak_gmacs,omitempty"` // of one core, with --layers
}

type benchLayer struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Shape    [3]int  `json:"shape"` // channels, height, width of the result
	MACs     int64   `json:"macs"`
	MedianMs float64 `json:"median_ms"`
	MinMs    float64 `json:"min_ms"`
}

// Run is called by kong.
func (c *benchCmd) Run(std stdio) error {
	if len(c.Photo) > 0 {
		return c.photos(std)
	}
	net, err := c.network()
	if err != nil {
		return err
	}
	times := stopwatch(net.run, c.Runs)
	r := benchResult{
		Arch: c.Arch, Size: net.size, Threads: c.Threads, CPU: processorName() + " [" + net.cpu + "]",
		MACs: net.macs, Params: net.params,
		MedianMs: ms(median(times)), MinMs: ms(slices.Min(times)), Runs: c.Runs,
	}
	if net.precision != nn.Float32 {
		r.Precision = net.precision.String()
	}
	if c.Layers {
		r.Layers = profileLayers(net.profile, c.Runs)
		peak, err := nn.Peak(c.CPU)
		if err != nil {
			return err
		}
		r.Peak = peak / 1e9
	}
	if c.JSON {
		return json.NewEncoder(std.out).Encode(r)
	}
	return r.print(std.out)
}

func (c *benchCmd) network() (*timed, error) {
	if slices.Contains(models.List(), c.Arch) || strings.HasSuffix(c.Arch, models.Ext) {
		return c.model()
	}
	arch, err := backbone.Lookup(c.Arch)
	if err != nil {
		if weights, err := importer.RandomDetector(c.Arch); err == nil && weights != nil {
			return c.random(weights)
		}
		return nil, usagef("unknown architecture %q%s", c.Arch, suggest.Hint(c.Arch, append(models.List(), importer.Architectures()...)))
	}
	size := c.size()
	if size == 0 {
		size = 224
	}
	g, err := arch.Classifier(backbone.Options{})
	if err != nil {
		return nil, err
	}
	plan, err := c.compile(g, size)
	if err != nil {
		return nil, err
	}
	run := func() time.Duration {
		start := time.Now()
		plan.Run()
		return time.Since(start)
	}
	fillInput(plan)
	return &timed{size: size, macs: plan.MACs(), params: g.ParamCount(), cpu: plan.ISA(), precision: plan.Precision(), run: run, profile: plan.Profile}, nil
}

// compile makes a plan of an architecture with random weights. What its layers'
// values span, int8 learns from a run in float32.
func (c *benchCmd) compile(g *nn.Graph, size int) (*nn.Plan, error) {
	w := nn.RandomWeights(g, 1)
	o := nn.Options{Height: size, Width: size, Threads: c.Threads, ISA: c.CPU, Precision: precisionOf(c.Precision)}
	if o.Precision == nn.Int8 || o.Precision == nn.Auto {
		seen := nn.NewCalibrator()
		plan, err := nn.Compile(g, w, nn.Options{Height: size, Width: size, Observe: seen.Observe})
		if err != nil {
			return nil, err
		}
		fillInput(plan)
		plan.Run()
		o.Ranges = seen.Ranges()
	}
	return nn.Compile(g, w, o)
}

func fillInput(plan *nn.Plan) {
	for ch, plane := range plan.Input(backbone.InputName) {
		for i := range plane {
			plane[i] = float32((i*7+ch*3)%13-6) / 6
		}
	}
}

// random prepares a detector with random weights. What its layers' values span,
// int8 learns from a run in float32.
func (c *benchCmd) random(weights []byte) (*timed, error) {
	o := modelfile.Options{Threads: c.Threads, Workers: 1, Size: c.size(), Proposals: c.Proposals, ISA: c.CPU, Precision: precisionOf(c.Precision)}
	if o.Precision == nn.Int8 || o.Precision == nn.Auto {
		seen := nn.NewCalibrator()
		d, err := detector.New(weights, modelfile.Options{Workers: 1, Size: o.Size, Observe: seen.Observe})
		if err == nil {
			_, err = c.detector(d)
		}
		if err == nil {
			o.Calibration, err = modelfile.NewCalibration(weights, seen.Ranges(), 1)
		}
		if err != nil {
			return nil, err
		}
	}
	d, err := detector.New(weights, o)
	if err != nil {
		return nil, err
	}
	return c.detector(d)
}

// model prepares a trained detector.
func (c *benchCmd) model() (*timed, error) {
	d, err := riffle.Open(c.Arch, riffle.Options{Threads: c.Threads, Workers: 1, Size: c.size(), Proposals: c.Proposals, ISA: c.CPU, Precision: precisionOf(c.Precision)})
	if err != nil {
		return nil, err
	}
	return c.detector(d.Detector)
}

// detector looks at a test card once. What is timed is all of a detection but
// decoding the photo and sampling it into the network's input.
func (c *benchCmd) detector(d *detector.Detector) (*timed, error) {
	info := d.Info()
	photo := testCard(info.Width, info.Height)
	run := func() time.Duration {
		r, err := d.Detect(context.Background(), photo, detector.Filter{Threshold: detector.Everything})
		if err != nil {
			panic(err) // it ran before: the test card does not change
		}
		return r.Timing.Total() - r.Timing.Preprocess
	}
	if _, err := d.Detect(context.Background(), photo, detector.Filter{Threshold: detector.Everything}); err != nil {
		return nil, err
	}
	profile := func() []nn.Layer {
		layers, err := d.Profile(context.Background(), photo)
		if err != nil {
			panic(err) // as above
		}
		return layers
	}
	return &timed{size: info.Width, macs: info.MACs, params: info.Params, cpu: info.ISA, precision: info.Precision, run: run, profile: profile}, nil
}

// testCard is a picture of coloured patches: enough edges for a detector to
// have proposals to look at.
func testCard(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			patch := uint8((x/24)*67 + (y/32)*131)
			m.SetRGBA(x, y, color.RGBA{patch, patch * 3, uint8(x + y), 255})
		}
	}
	return m
}

// warmUp is how long a network runs before it is timed: the clock of an idle
// processor needs about that long to rise.
const warmUp = 300 * time.Millisecond

func stopwatch(run func() time.Duration, runs int) []time.Duration {
	for start := time.Now(); ; {
		run()
		if time.Since(start) >= warmUp {
			break
		}
	}
	runtime.GC()
	times := make([]time.Duration, runs)
	for i := range times {
		times[i] = run()
	}
	return times
}

// profileLayers takes the median of every layer's time over the runs.
func profileLayers(profile func() []nn.Layer, runs int) []benchLayer {
	var times [][]time.Duration
	var layers []nn.Layer
	for range runs {
		layers = profile()
		if times == nil {
			times = make([][]time.Duration, len(layers))
		}
		for i, l := range layers {
			times[i] = append(times[i], l.Time)
		}
	}
	out := make([]benchLayer, len(layers))
	for i, l := range layers {
		out[i] = benchLayer{l.Name, l.Kind, [3]int{l.Channels, l.Height, l.Width}, l.MACs, ms(median(times[i])), ms(slices.Min(times[i]))}
	}
	return out
}

// median is the middle duration, the mean of the middle two of an even number.
func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func ms(d time.Duration) float64 {
	return float64(d.Round(100*time.Nanosecond)) / float64(time.Millisecond)
}

func (r *benchResult) print(w io.Writer) error {
	threads := threadCount(r.Threads)
	if r.Precision != "" {
		threads += ", " + r.Precision
	}
	fmt.Fprintf(w, "%s at %dx%d, %s, %s\n", r.Arch, r.Size, r.Size, threads, r.CPU)
	fmt.Fprintf(w, "  %s multiply-adds, %s parameters\n", millions(r.MACs), millions(r.Params))
	fmt.Fprintf(w, "  median %.2f ms, fastest %.2f ms of %d runs, %.1f GMAC/s\n", r.MedianMs, r.MinMs, r.Runs, gmacs(r.MACs, r.MedianMs))
	if len(r.Layers) == 0 {
		return nil
	}
	total := 0.0
	for _, l := range r.Layers {
		total += l.MedianMs
	}
	t := table{head: append([]string{"layer", "kind", "result"}, speedHead...), right: "34567"}
	for _, l := range r.Layers {
		shape := ""
		if l.Shape[0] > 0 {
			shape = fmt.Sprintf("%dx%dx%d", l.Shape[0], l.Shape[1], l.Shape[2])
		}
		t.row(append([]string{l.Name, l.Kind, shape}, r.speed(l, total)...)...)
	}
	fmt.Fprintln(w)
	if err := t.print(w); err != nil {
		return err
	}
	t = table{head: append([]string{"class", "layers"}, speedHead...), right: "123456"}
	for _, c := range classes(r.Layers) {
		t.row(append([]string{c.Name, fmt.Sprint(c.layers)}, r.speed(c.benchLayer, total)...)...)
	}
	fmt.Fprintln(w)
	if err := t.print(w); err != nil || r.Peak == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "\none core does %.1f GMAC/s in float32 in registers\n", r.Peak)
	return err
}

var speedHead = []string{"ms", "share", "MMACs", "GMAC/s", "of peak"}

// speed is a layer's columns below speedHead.
func (r *benchResult) speed(l benchLayer, total float64) []string {
	macs, speed, share := "", "", ""
	if l.MACs > 0 {
		g := gmacs(l.MACs, l.MedianMs)
		macs, speed = fmt.Sprintf("%.2f", float64(l.MACs)/1e6), fmt.Sprintf("%.1f", g)
		if r.Peak > 0 {
			share = fmt.Sprintf("%.0f%%", 100*g/r.Peak)
		}
	}
	return []string{fmt.Sprintf("%.3f", l.MedianMs), fmt.Sprintf("%.1f%%", 100*l.MedianMs/total), macs, speed, share}
}

// class is the layers of one kind whose results have one size.
type class struct {
	benchLayer
	layers int
}

// classes sums layers up, in the order in which their classes first appear.
func classes(layers []benchLayer) []class {
	var all []class
	for _, l := range layers {
		name := l.Kind
		if l.Shape[0] > 0 {
			name = fmt.Sprintf("%s %dx%d", l.Kind, l.Shape[1], l.Shape[2])
		}
		i := slices.IndexFunc(all, func(c class) bool { return c.Name == name })
		if i < 0 {
			i, all = len(all), append(all, class{benchLayer: benchLayer{Name: name, Kind: l.Kind}})
		}
		all[i].MACs, all[i].MedianMs, all[i].layers = all[i].MACs+l.MACs, all[i].MedianMs+l.MedianMs, all[i].layers+1
	}
	return all
}

func gmacs(macs int64, ms float64) float64 {
	if ms <= 0 {
		return 0
	}
	return float64(macs) / ms / 1e6
}

func millions(n int64) string { return fmt.Sprintf("%.2f M", float64(n)/1e6) }

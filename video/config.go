package video

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"example.com/riffle/video/scene"
)

// Camera is one source and what is wanted of it.
type Camera struct {
	Name      string
	Source    string
	Out       string   // annotated video file, "" for none
	Codec     string   // its FOURCC, "" for what suits the file's ending
	Labels    []string // of objects to follow; none for all
	Threshold float64  // score of a new object
	// EveryFrame makes the source wait for the detector; without it the newest
	// frame is looked at, and a file is played at its own pace.
	EveryFrame bool
	Motion     MotionGate
	After      time.Duration // an object must be followed for so long before events mention it
	Zones      []scene.Zone
	Lines      []scene.Line
}

// MotionGate is when the detector need not look.
type MotionGate struct {
	On      bool
	Share   float64       // of the picture that must change; 0 for DefaultMotion's
	Hold    time.Duration // to go on after the last motion
	Refresh time.Duration // to look all the same
}

// DefaultMotion is what a MotionGate's zero fields mean.
var DefaultMotion = MotionGate{Share: 0.001, Hold: 3 * time.Second, Refresh: 10 * time.Second}

func (g MotionGate) withDefaults() MotionGate {
	if g.Share == 0 {
		g.Share = DefaultMotion.Share
	}
	if g.Hold == 0 {
		g.Hold = DefaultMotion.Hold
	}
	if g.Refresh == 0 {
		g.Refresh = DefaultMotion.Refresh
	}
	return g
}

// cameraFile is a camera as the configuration file spells it.
type cameraFile struct {
	Source       string              `yaml:"source"`
	Out          string              `yaml:"out"`
	Codec        string              `yaml:"codec"`
	Labels       []string            `yaml:"labels"`
	Threshold    *float64            `yaml:"threshold"`
	EveryFrame   *bool               `yaml:"every-frame"`
	Motion       *bool               `yaml:"motion"`
	MotionShare  *float64            `yaml:"motion-share"`
	MotionHold   *time.Duration      `yaml:"motion-hold"`
	After        *time.Duration      `yaml:"after"`
	Zones        map[string]zoneFile `yaml:"zones"`
	Lines        map[string]lineFile `yaml:"lines"`
	zones, lines []string            // in the file's order
}

type zoneFile struct {
	Points []point       `yaml:"points"`
	Labels []string      `yaml:"labels"`
	After  time.Duration `yaml:"after"`
	Anchor scene.Anchor  `yaml:"anchor"`
}

type lineFile struct {
	From   point           `yaml:"from"`
	To     point           `yaml:"to"`
	In     scene.Direction `yaml:"in"`
	Labels []string        `yaml:"labels"`
	Anchor scene.Anchor    `yaml:"anchor"`
}

// point is written [x, y].
type point scene.Point

// UnmarshalYAML is part of yaml.Unmarshaler.
func (p *point) UnmarshalYAML(n *yaml.Node) error {
	var xy []float64
	if err := n.Decode(&xy); err != nil || len(xy) != 2 {
		return fmt.Errorf("line %d: a point is two numbers, such as [0.5, 1]", n.Line)
	}
	p.X, p.Y = xy[0], xy[1]
	return nil
}

// Cameras reads the "cameras" section of a configuration file, a mapping of names
// to cameras. base is what a camera has where the file does not say; choose
// completes what depends on the source. Errors begin with the file's line.
func Cameras(section *yaml.Node, base Camera, choose func(*Camera, Asked)) ([]Camera, error) {
	section = follow(section)
	if section.Kind != yaml.MappingNode || len(section.Content) == 0 {
		return nil, fmt.Errorf("%d: cameras: want names with what each camera has", section.Line)
	}
	var out []Camera
	for i := 0; i < len(section.Content); i += 2 {
		key, value := section.Content[i], follow(section.Content[i+1])
		if key.Value == "" || safeName(key.Value) != key.Value {
			return nil, fmt.Errorf("%d: camera %q: names are letters, digits, - and _", key.Line, key.Value)
		}
		if slices.ContainsFunc(out, func(c Camera) bool { return c.Name == key.Value }) {
			return nil, fmt.Errorf("%d: duplicate camera %q", key.Line, key.Value)
		}
		var f cameraFile
		if err := strict(value, &f); err != nil {
			return nil, err
		}
		f.zones, f.lines = order(value, "zones"), order(value, "lines")
		c, asked := f.camera(key.Value, base)
		if choose != nil {
			choose(&c, asked)
		}
		if _, err := scene.New(c.scene()); err != nil {
			return nil, fmt.Errorf("%d: camera %s: %w", key.Line, c.Name, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Asked are choices made in the file; nil where it does not say.
type Asked struct{ EveryFrame, Motion *bool }

func (f *cameraFile) camera(name string, base Camera) (Camera, Asked) {
	c := base
	c.Name = name
	set(&c.Source, f.Source)
	set(&c.Out, f.Out)
	set(&c.Codec, f.Codec)
	if f.Labels != nil {
		c.Labels = f.Labels
	}
	point := func(p *float64, v *float64) {
		if v != nil {
			*p = *v
		}
	}
	point(&c.Threshold, f.Threshold)
	point(&c.Motion.Share, f.MotionShare)
	if f.MotionHold != nil {
		c.Motion.Hold = *f.MotionHold
	}
	if f.After != nil {
		c.After = *f.After
	}
	for _, n := range f.zones {
		z := f.Zones[n]
		zone := scene.Zone{Name: n, Labels: z.Labels, After: z.After, Anchor: z.Anchor}
		for _, p := range z.Points {
			zone.Points = append(zone.Points, scene.Point(p))
		}
		c.Zones = append(c.Zones, zone)
	}
	for _, n := range f.lines {
		l := f.Lines[n]
		c.Lines = append(c.Lines, scene.Line{Name: n, From: scene.Point(l.From), To: scene.Point(l.To), In: l.In, Labels: l.Labels, Anchor: l.Anchor})
	}
	return c, Asked{f.EveryFrame, f.Motion}
}

func set(p *string, v string) {
	if v != "" {
		*p = v
	}
}

func (c *Camera) scene() scene.Config {
	return scene.Config{Zones: c.Zones, Lines: c.Lines, After: c.After}
}

// check says what is wrong with a camera.
func (c *Camera) check() error {
	switch {
	case !(c.Threshold > 0 && c.Threshold <= 1):
		return fmt.Errorf("threshold must be more than 0 and at most 1, not %g", c.Threshold)
	case !(c.Motion.Share >= 0 && c.Motion.Share < 1):
		return fmt.Errorf("motion-share must be from 0 to 1, not %g", c.Motion.Share)
	case c.Motion.Hold < 0 || c.Motion.Refresh < 0:
		return errors.New("motion-hold must not be negative")
	case c.Codec != "" && len(c.Codec) != 4:
		return fmt.Errorf("codec is four letters, such as mp4v, not %q", c.Codec)
	case safeName(c.Name) != c.Name:
		return fmt.Errorf("names are letters, digits, - and _, not %q", c.Name)
	}
	for _, n := range c.Zones {
		if safeName(n.Name) != n.Name {
			return fmt.Errorf("zone %q: names are letters, digits, - and _", n.Name)
		}
	}
	for _, n := range c.Lines {
		if safeName(n.Name) != n.Name {
			return fmt.Errorf("line %q: names are letters, digits, - and _", n.Name)
		}
	}
	return nil
}

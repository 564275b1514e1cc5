package video

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/nfnt/resize"

	"example.com/riffle/detector"
	"example.com/riffle/video/scene"
)

// snapshots keeps the best frame of each object that is followed, as a JPEG, and
// writes it with the object's box when the object has gone.
type snapshots struct {
	dir    string // "" for none: only sinks get them
	camera string
	width  uint // pictures are no wider, 0 for any width
	best   map[int]*best
}

type best struct {
	worth   float64
	box     [4]float64
	score   float64
	picture []byte
	at      time.Time
}

const (
	snapshotQuality = 88
	liveQuality     = 75
	betterBy        = 1.15 // a new best must be so much better
	notSooner       = 250 * time.Millisecond
)

func newSnapshots(dir, camera string, width uint) (*snapshots, error) {
	if dir != "" {
		dir = filepath.Join(dir, camera)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("snapshots: %w", err)
		}
	}
	return &snapshots{dir: dir, camera: camera, width: width, best: map[int]*best{}}, nil
}

// look keeps a clean frame for those objects that it shows better than any before.
func (s *snapshots) look(p Picture, objects []scene.Object) error {
	var picture []byte
	now := time.Now()
	view := p.Frame()
	for i := range objects {
		o := &objects[i]
		if !o.Seen {
			continue
		}
		w := worth(o, view.Width, view.Height)
		b := s.best[o.ID]
		if b != nil && (w < betterBy*b.worth || now.Sub(b.at) < notSooner) {
			continue
		}
		if picture == nil {
			var err error
			if picture, err = p.JPEG(snapshotQuality); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
		}
		s.best[o.ID] = &best{worth: w, box: o.Box, score: o.Score, picture: picture, at: now}
	}
	return nil
}

// worth is how well a frame shows an object: surely, large, and not cut off by
// the picture's edge.
func worth(o *scene.Object, width, height int) float64 {
	area := (o.Box[2] - o.Box[0]) * (o.Box[3] - o.Box[1]) / float64(width*height)
	w := o.Score * math.Pow(max(area, 1e-6), 0.3)
	if o.Box[0] <= 1 || o.Box[1] <= 1 || o.Box[2] >= float64(width-1) || o.Box[3] >= float64(height-1) {
		w *= 0.6
	}
	return w
}

// save draws the object into its best frame and writes it. It returns the file,
// if there is a folder, and the JPEG; both are empty if there is no frame.
func (s *snapshots) save(id int, label string, when time.Time) (file string, data []byte, err error) {
	b := s.best[id]
	if b == nil {
		return "", nil, nil
	}
	delete(s.best, id)
	img, err := jpeg.Decode(bytes.NewReader(b.picture))
	if err != nil {
		return "", nil, fmt.Errorf("snapshot: %w", err)
	}
	img, scale := s.narrow(img)
	for i := range b.box {
		b.box[i] *= scale
	}
	drawn := detector.Draw(img, []detector.Detection{{
		Label: fmt.Sprintf("%s %d", label, id), CategoryID: colorOf(id), Score: float32(b.score),
		Box: toDetector(b.box),
	}})
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawn, &jpeg.Options{Quality: snapshotQuality}); err != nil {
		return "", nil, fmt.Errorf("snapshot: %w", err)
	}
	if s.dir == "" {
		return "", out.Bytes(), nil
	}
	file = filepath.Join(s.dir, fmt.Sprintf("%s-%s-%d.jpg", when.Format("20060102-150405"), safeName(label), id))
	if err := writeWhole(file, out.Bytes()); err != nil {
		return "", out.Bytes(), fmt.Errorf("snapshot %s: %w", file, plain(err))
	}
	return file, out.Bytes(), nil
}

// narrow scales a picture that is too wide down, and says by how much.
func (s *snapshots) narrow(img image.Image) (image.Image, float64) {
	full := img.Bounds().Dx()
	if s.width == 0 || full <= int(s.width) {
		return img, 1
	}
	return resize.Resize(s.width, 0, img, resize.Bilinear), float64(s.width) / float64(full)
}

// writeWhole writes a file, or none.
func writeWhole(file string, data []byte) error {
	if err := os.WriteFile(file, data, 0o644); err != nil {
		os.Remove(file)
		return err
	}
	return nil
}

// forget drops objects that ended without an event.
func (s *snapshots) forget(ended []scene.Ended) {
	for _, e := range ended {
		delete(s.best, e.ID)
	}
}

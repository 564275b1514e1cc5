//go:build opencv

package opencv

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"gocv.io/x/gocv"

	"example.com/riffle/video"
)

// What OpenCV reads from the environment when it first opens a source, and what
// it gets unless somebody has set it: RTSP over TCP, as lost packets smear
// pictures; a limit in microseconds to what FFmpeg waits for, so that a reader
// given up by the loop ends by itself; no measuring of the frame rate, which holds the
// first second back and then gives it all at once; and no messages of FFmpeg's own, since the
// loop says what matters, once.
var environment = [][2]string{
	{"OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp|timeout;15000000|fpsprobesize;0"},
	{"OPENCV_FFMPEG_LOGLEVEL", "-8"},
}

// Backend is OpenCV.
type Backend struct{ frozen frozenLimits }

// New prepares OpenCV, unless the environment says how.
func New() (*Backend, error) {
	for _, e := range environment {
		if os.Getenv(e[0]) != "" {
			continue
		}
		if err := os.Setenv(e[0], e[1]); err != nil {
			return nil, err
		}
	}
	return &Backend{}, nil
}

// capture is an open source.
type capture struct {
	vc     *gocv.VideoCapture
	source video.Source
	read   int          // pictures
	watch  *freezeWatch // of streams
}

// Open opens a camera of this machine by its number and MJPEG over HTTP by
// itself; all else goes through FFmpeg.
func (l *Backend) Open(s video.Source) (video.Capture, error) {
	var vc *gocv.VideoCapture
	var err error
	switch {
	case s.Kind == video.Device:
		api := gocv.VideoCaptureAny
		if runtime.GOOS == "linux" {
			api = gocv.VideoCaptureV4L2
		}
		vc, err = gocv.OpenVideoCaptureWithAPI(s.Index, api)
	case s.Kind == video.Stream:
		if m, err := openMJPEG(s); m != nil || err != nil {
			return m, err
		}
		vc, err = gocv.VideoCaptureFileWithAPI(s.Target, gocv.VideoCaptureFFmpeg)
	case strings.Contains(s.Target, "%"): // numbered pictures
		vc, err = gocv.VideoCaptureFile(s.Target)
	default:
		vc, err = gocv.VideoCaptureFileWithAPI(s.Target, gocv.VideoCaptureFFmpeg)
	}
	if err != nil || !vc.IsOpened() {
		vc.Close() // gocv makes one even where it fails
		return nil, whyNot(s)
	}
	c := &capture{vc: vc, source: s}
	switch s.Kind {
	case video.Device:
		vc.Set(gocv.VideoCaptureBufferSize, 1) // older frames are of no use
	case video.Stream:
		c.watch = &freezeWatch{limits: &l.frozen, source: s.Target}
	}
	return c, nil
}

func (c *capture) Read(into video.Picture) error {
	p := into.(*picture)
	if !c.vc.Read(&p.mat) || p.mat.Empty() {
		return io.EOF // OpenCV does not say more
	}
	c.read++
	if err := usable(p); err != nil {
		return err
	}
	if c.watch != nil {
		return c.watch.check(p)
	}
	return nil
}

// usable tells whether a Mat is what the rest of the loop takes it for.
func usable(p *picture) error {
	if t := p.mat.Type(); t != gocv.MatTypeCV8UC3 || !p.mat.IsContinuous() {
		return fmt.Errorf("pixels are of type %v, not three bytes", t)
	}
	return nil
}

func (c *capture) FPS() float64 {
	fps := c.vc.Get(gocv.VideoCaptureFPS)
	if !(fps > 0 && fps <= 1000) { // streams say 90000 or nothing
		return 0
	}
	return fps
}

// Stamp is the time of the picture as FFmpeg has it. It says 0 where it has none,
// as of the last pictures of a file.
func (c *capture) Stamp() (time.Duration, bool) {
	ms := c.vc.Get(gocv.VideoCapturePosMsec)
	if c.source.Kind == video.Device || !(ms > 0 || c.read == 1 && ms == 0) || ms > maxStamp {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}

const maxStamp = 1e12 // milliseconds: 30 years, as from a broken file

// Damaged is false: FFmpeg conceals what it cannot decode.
func (*capture) Damaged() bool { return false }

// Duration is a file's number of frames by its rate: FFmpeg makes one of the other
// where the file has only one of them.
func (c *capture) Duration() time.Duration {
	n := c.vc.Get(gocv.VideoCaptureFrameCount)
	fps := c.FPS()
	if c.source.Kind != video.File || !(n > 0 && n < math.MaxInt32) || fps == 0 {
		return 0
	}
	return time.Duration(n / fps * float64(time.Second))
}

// rated are the pictures of a file that its rate is judged by.
const rated = 30

// Rate reads the beginning of a file once more.
func (l *Backend) Rate(s video.Source) float64 {
	info, err := os.Stat(s.Target)
	if err != nil || s.Kind != video.File || !info.Mode().IsRegular() {
		return 0
	}
	opened, err := l.Open(s)
	if err != nil {
		return 0
	}
	defer opened.Close()
	c, ok := opened.(*capture)
	if !ok {
		return 0
	}
	var shortest, last time.Duration
	for c.read < rated {
		c.vc.Grab(1)
		c.read++
		at, ok := c.Stamp()
		if !ok {
			break
		}
		if gap := at - last; c.read > 1 && gap >= time.Millisecond && (shortest == 0 || gap < shortest) {
			shortest = gap
		}
		last = at
	}
	if shortest == 0 {
		return 0
	}
	// Stamps are often rounded to milliseconds: what is near the file's own rate is it.
	if rate := 1 / shortest.Seconds(); rate > 1.25*c.FPS() {
		return math.Round(rate*100) / 100
	}
	return 0
}

func (c *capture) Close() { c.vc.Close() }

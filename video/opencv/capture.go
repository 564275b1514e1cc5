//go:build opencv

package opencv

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"

	"gocv.io/x/gocv"

	"example.com/riffle/video"
)

// What OpenCV reads from the environment when it first opens a source, and what
// it gets unless somebody has set it: RTSP over TCP, as lost packets smear
// pictures; a limit in microseconds to what FFmpeg waits for, so that a reader
// given up by the loop ends by itself; and no messages of FFmpeg's own, since the
// loop says what matters, once.
var environment = [][2]string{
	{"OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp|timeout;15000000"},
	{"OPENCV_FFMPEG_LOGLEVEL", "-8"},
}

// Library is OpenCV.
type Library struct{ frozen frozenLimits }

// New prepares OpenCV, unless the environment says how.
func New() (*Library, error) {
	for _, e := range environment {
		if os.Getenv(e[0]) != "" {
			continue
		}
		if err := os.Setenv(e[0], e[1]); err != nil {
			return nil, err
		}
	}
	return &Library{}, nil
}

// capture is an open source.
type capture struct {
	vc     *gocv.VideoCapture
	source video.Source
	watch  *freezeWatch // of streams
}

// Open opens a camera of this machine by its number and MJPEG over HTTP by
// itself; all else goes through FFmpeg.
func (l *Library) Open(s video.Source) (video.Capture, error) {
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
		if _, err := os.Stat(s.Target); err != nil {
			return nil, err
		}
		vc, err = gocv.VideoCaptureFileWithAPI(s.Target, gocv.VideoCaptureFFmpeg)
	}
	if err != nil || !vc.IsOpened() {
		vc.Close() // gocv makes one even where it fails
		return nil, errors.New("OpenCV cannot open it")
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

func (c *capture) Frames() int {
	n := c.vc.Get(gocv.VideoCaptureFrameCount)
	if c.source.Kind != video.File || !(n > 0 && n < math.MaxInt32) {
		return 0
	}
	return int(n)
}

func (c *capture) Close() { c.vc.Close() }

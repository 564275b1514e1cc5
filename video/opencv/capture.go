//go:build opencv

package opencv

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"gocv.io/x/gocv"

	"riffle/video"
)

// captureOptions is the variable by which OpenCV takes options for FFmpeg.
const captureOptions = "OPENCV_FFMPEG_CAPTURE_OPTIONS"

// RTSP over TCP, as lost packets smear pictures, and a limit in microseconds to
// what FFmpeg waits for, so that a reader given up by the loop ends by itself.
const defaultOptions = "rtsp_transport;tcp|timeout;15000000"

// Library is OpenCV.
type Library struct{}

// New prepares OpenCV for network cameras, unless the environment says how.
func New() (*Library, error) {
	if os.Getenv(captureOptions) == "" {
		if err := os.Setenv(captureOptions, defaultOptions); err != nil {
			return nil, err
		}
	}
	return &Library{}, nil
}

// capture is an open source.
type capture struct {
	vc     *gocv.VideoCapture
	source video.Source
}

// Open opens a camera by its number, anything else through FFmpeg.
func (*Library) Open(s video.Source) (video.Capture, error) {
	var vc *gocv.VideoCapture
	var err error
	switch s.Kind {
	case video.Device:
		vc, err = gocv.OpenVideoCapture(s.Index)
	case video.File:
		if _, err := os.Stat(s.Target); err != nil {
			return nil, err
		}
		vc, err = gocv.VideoCaptureFile(s.Target)
	default:
		vc, err = gocv.VideoCaptureFileWithAPI(s.Target, gocv.VideoCaptureFFmpeg)
	}
	if err != nil || !vc.IsOpened() {
		vc.Close() // gocv makes one even where it fails
		return nil, errors.New("OpenCV cannot open it")
	}
	if s.Kind == video.Device {
		vc.Set(gocv.VideoCaptureBufferSize, 1) // older frames are of no use
	}
	return &capture{vc, s}, nil
}

func (c *capture) Read(into video.Picture) error {
	p := into.(*picture)
	if !c.vc.Read(&p.mat) || p.mat.Empty() {
		return io.EOF // OpenCV does not say more
	}
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

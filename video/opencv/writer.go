//go:build opencv

package opencv

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gocv.io/x/gocv"

	"example.com/riffle/video"
)

// codecs suit endings: plain MPEG-4, which every player has and which costs a
// tenth of what H.264 does.
var codecs = map[string]string{
	".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "XVID", ".avi": "XVID", ".webm": "VP80",
}

// writer is a file of pictures of one size.
type writer struct {
	vw     *gocv.VideoWriter
	room   *reserve
	size   image.Point
	fitted gocv.Mat // a picture of another size, made to fit
	inner  gocv.Mat
}

// NewWriter makes the file. Codecs want even sides: an odd one grows by a pixel.
func (*Backend) NewWriter(path, codec string, fps float64, width, height int) (video.Writer, error) {
	if codec == "" {
		ext := strings.ToLower(filepath.Ext(path))
		if codec = codecs[ext]; codec == "" {
			return nil, fmt.Errorf("unknown video file extension %q, want one of %s", ext, strings.Join(slices.Sorted(maps.Keys(codecs)), " "))
		}
	}
	size := image.Pt((width+1)&^1, (height+1)&^1)
	if width < 2 || height < 2 {
		return nil, fmt.Errorf("%d x %d pixels are too few for a video", width, height)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666) // OpenCV would not say why it cannot
	if err != nil {
		return nil, plainReason(err)
	}
	vw, err := gocv.VideoWriterFile(path, codec, fps, size.X, size.Y, true)
	if err == nil && !vw.IsOpened() {
		err = fmt.Errorf("OpenCV cannot write it with the codec %s", codec)
		vw.Close()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	room, err := newReserve(f)
	if err != nil {
		vw.Close()
		f.Close()
		return nil, err
	}
	return &writer{vw: vw, room: room, size: size, fitted: gocv.NewMat(), inner: gocv.NewMat()}, nil
}

// Write adds a picture; one of another size is shrunk or grown to fit and has
// black bars beside it. The odd row or column of one that is as large as the file
// is repeated.
func (w *writer) Write(p video.Picture) error {
	mat := p.(*picture).mat
	if mat.Empty() {
		return errors.New("a frame without pixels")
	}
	if err := w.room.ensure(); err != nil {
		return err
	}
	switch size := image.Pt(mat.Cols(), mat.Rows()); size {
	case w.size:
	case w.size.Sub(image.Pt(size.X&1, size.Y&1)):
		gocv.CopyMakeBorder(mat, &w.fitted, 0, size.Y&1, 0, size.X&1, gocv.BorderReplicate, color.RGBA{})
		mat = w.fitted
	default:
		w.fit(mat, size)
		mat = w.fitted
	}
	return w.vw.Write(mat)
}

func (w *writer) fit(mat gocv.Mat, size image.Point) {
	scale := min(float64(w.size.X)/float64(size.X), float64(w.size.Y)/float64(size.Y))
	in := image.Pt(max(1, min(w.size.X, int(scale*float64(size.X)+0.5))), max(1, min(w.size.Y, int(scale*float64(size.Y)+0.5))))
	gocv.Resize(mat, &w.inner, in, 0, 0, gocv.InterpolationLinear)
	dx, dy := w.size.X-in.X, w.size.Y-in.Y
	gocv.CopyMakeBorder(w.inner, &w.fitted, dy/2, dy-dy/2, dx/2, dx-dx/2, gocv.BorderConstant, color.RGBA{})
}

// Close completes the file.
func (w *writer) Close() error {
	w.fitted.Close()
	w.inner.Close()
	return errors.Join(w.vw.Close(), w.room.close())
}

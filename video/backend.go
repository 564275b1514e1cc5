package video

import (
	"image"
	"image/color"
	"time"

	"example.com/riffle/photo"
)

// Backend captures, writes and draws.
type Backend interface {
	// Open begins to read a source. It may block for long, and is given up if so.
	Open(s Source) (Capture, error)
	NewPicture() Picture
	NewMotion() Motion
	// NewWriter makes a video file; codec is a FOURCC or "" for what suits the
	// file's extension.
	NewWriter(path, codec string, fps float64, width, height int) (Writer, error)
	// Rate is how many frames a second a file has where it has most, judging by its
	// first ones; 0 if that cannot be told.
	Rate(s Source) float64
}

// Capture is an open source.
type Capture interface {
	// Read waits for the next frame. Its error is io.EOF where the source ends or
	// does not say why there is none.
	Read(into Picture) error
	FPS() float64 // as the source says; 0 if it does not
	// Stamp is the time of the frame last read as its container has it; false if it
	// does not say.
	Stamp() (time.Duration, bool)
	Damaged() bool           // the frame last read, which is shown as far as it goes
	Duration() time.Duration // of a file, if known, else 0
	Close()
}

// Picture is a frame in the library's memory. It is used by one goroutine at a
// time.
type Picture interface {
	// Frame is a view of the pixels, valid until the picture changes.
	Frame() photo.Frame
	Draw(o *Overlay)
	JPEG(quality int) ([]byte, error)
	Close()
}

// Motion compares pictures with those before.
type Motion interface {
	// Moved is the share of the picture, 0 to 1, that is not background.
	Moved(p Picture) float64
	Close()
}

// Writer is a video file. Pictures of another size than the file's are fitted in.
type Writer interface {
	// Write adds a picture. After an error the file can only be closed, and plays
	// up to there.
	Write(p Picture) error
	Close() error
}

// Overlay is what is drawn over a frame.
type Overlay struct {
	Marks   []Mark
	Shapes  []Shape
	Caption string
}

// Mark is a box with a label.
type Mark struct {
	Box   image.Rectangle
	Text  string
	Color color.RGBA
	Faint bool // predicted, not seen
}

// Shape is a zone, closed, or a line.
type Shape struct {
	Points []image.Point
	Text   string
	Color  color.RGBA
	Closed bool
}

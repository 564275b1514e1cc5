package photo

import "errors"

// What can be wrong with bytes that are meant to be a picture. Errors of
// [Decode] wrap exactly one of these; all of them are the sender's fault.
var (
	// ErrNotImage: the bytes are in none of the known formats.
	ErrNotImage = errors.New("not a picture (want JPEG, PNG, GIF, WebP, BMP or TIFF)")
	// ErrTooLarge: the header announces more pixels, or there are more bytes, than allowed.
	ErrTooLarge = errors.New("picture too large")
	// ErrTruncated: the bytes end before the picture does.
	ErrTruncated = errors.New("picture cut short")
	// ErrCorrupt: the bytes contradict their own format.
	ErrCorrupt = errors.New("picture damaged")
	// ErrUnsupported: a valid picture of a kind that cannot be read, say a 12-bit JPEG.
	ErrUnsupported = errors.New("kind of picture not supported")
)

package main

import (
	"fmt"

	"example.com/riffle"
)

// qualityFlags are those of the commands that detect: which network looks, and how
// large the picture is that it sees.
type qualityFlags struct {
	Quality string `default:"balanced" enum:"fast,balanced,best" env:"RIFFLE_QUALITY" placeholder:"KIND" help:"Speed against accuracy: fast (the small model), balanced or best (a larger input). A --model or --size that is given wins."`
	Size    int    `env:"RIFFLE_SIZE" placeholder:"PIXELS" help:"Side of the network's input, a multiple of 32; what --quality says, or what the --model was trained for, if not given."`
}

// largestSide is that of a network's input in pixels.
const largestSide = 2048

func (f qualityFlags) checkSize() error {
	if f.Size < 0 || f.Size > largestSide || f.Size%32 != 0 {
		return fmt.Errorf("--size must be a multiple of 32 up to %d, not %d", largestSide, f.Size)
	}
	return nil
}

// quality is what the flag names; kong has checked it.
func (f qualityFlags) quality() riffle.Quality {
	q, err := riffle.ParseQuality(f.Quality)
	if err != nil {
		panic(err)
	}
	return q
}

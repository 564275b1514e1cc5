package main

import (
	"fmt"
	"runtime"

	"example.com/riffle"
	"example.com/riffle/photo"
)

// photoLimit bounds the photos of the commands that read some.
type photoLimit struct {
	MaxPhotoMemory byteSize `default:"512MiB" env:"RIFFLE_MAX_PHOTO_MEMORY" placeholder:"SIZE" help:"Most memory that decoding one photo may take (${default})."`
}

// limits are what the flag allows.
func (f photoLimit) limits() photo.Limits { return photo.Limits{MaxMemory: int64(f.MaxPhotoMemory)} }

// photoFlags are those of the commands that take photos and folders.
type photoFlags struct {
	Recursive bool `short:"r" help:"Also look into the folders of folders."`
	photoLimit
}

// checkThreads refuses more threads than any processor here could run.
func checkThreads(n int) error {
	if most := max(riffle.MaxThreads, runtime.NumCPU()); n < 0 || n > most {
		return fmt.Errorf("--threads must be from 0 to %d, not %d", most, n)
	}
	return nil
}

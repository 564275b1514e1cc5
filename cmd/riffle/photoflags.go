package main

import (
	"fmt"
	"runtime"

	"example.com/riffle"
	"example.com/riffle/photo"
)

// photoFlags are those of the commands that read photos.
type photoFlags struct {
	Recursive  bool     `short:"r" help:"Also look into the folders of folders."`
	MaxPicture byteSize `default:"512MiB" env:"RIFFLE_MAX_PICTURE" placeholder:"SIZE" help:"Most memory that decoding one picture may take (${default})."`
}

// limits are what the flags allow.
func (f photoFlags) limits() photo.Limits { return photo.Limits{MaxMemory: int64(f.MaxPicture)} }

// checkThreads refuses more threads than any processor here could run.
func checkThreads(n int) error {
	if most := max(riffle.MaxThreads, runtime.NumCPU()); n < 0 || n > most {
		return fmt.Errorf("--threads must be from 0 to %d, not %d", most, n)
	}
	return nil
}

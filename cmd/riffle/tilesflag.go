package main

import (
	"image"

	"example.com/riffle/detector"
	"example.com/riffle/photo"
)

// tilesFlag is --tiles of the commands that look at photos closely.
type tilesFlag struct {
	Tiles detector.Tiles `default:"none" env:"RIFFLE_TILES" placeholder:"auto|N|COLSxROWS" help:"Also look at overlapping tiles of the photo, for small objects: a grid such as 2x2, at most N tiles, or as many as the photo's pixels are worth. Each takes as long as the photo itself (${default})."`
}

// decode is how photos are to be decoded for a network whose input has a size.
func (f tilesFlag) decode(limits photo.Limits, input image.Point) photo.Options {
	return photo.Options{
		Limits:  limits,
		SizeFor: func(file image.Point) image.Point { return f.Tiles.DecodeSize(file, input) },
	}
}

// Package parity makes the random tensors that training/vectors/backbone_random.py
// makes in Python, for tests that compare networks with PyTorch without storing
// their weights: every number follows from the tensor's name.
package parity

import (
	"hash/fnv"
	"image"
	"image/color"
	"math"
	"strings"

	"example.com/riffle/nn"
)

// Uniform returns count numbers in [0, 1) that follow from a name: splitmix64,
// started at the name's FNV-1a hash.
func Uniform(name string, count int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	state := h.Sum64()
	out := make([]float64, count)
	for i := range out {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		out[i] = float64((z^z>>31)>>40) * 0x1p-24
	}
	return out
}

// Tensor is one tensor of a network, by its name and shape.
func Tensor(name string, shape []int) nn.Tensor {
	count, fanIn := 1, 1
	for i, d := range shape {
		count *= d
		if i > 0 {
			fanIn *= d
		}
	}
	t := nn.Tensor{Shape: shape, Data: make([]float32, count)}
	for i, u := range Uniform(name, count) {
		var x float64
		switch {
		case len(shape) > 1:
			gain := 6.0
			if len(shape) == 4 && shape[1] == 1 { // depthwise
				gain = 2.1
			}
			x = float64(2*u-1) * math.Sqrt(gain/float64(fanIn))
		case strings.HasSuffix(name, ".branch.7.weight"):
			x = float64(u+0.5) * 0.3
		case strings.HasSuffix(name, ".running_var"), strings.HasSuffix(name, ".weight"):
			x = u + 0.5
		default:
			x = float64(u-0.5) * 0.5
		}
		t.Data[i] = float32(x)
	}
	return t
}

// Picture is a picture of 16-pixel tiles with noise, as
// training/vectors/torchvision_models.py paints it.
func Picture(width, height int) *image.NRGBA {
	const side = 16
	cols, rows := (width+side-1)/side, (height+side-1)/side
	tiles := Uniform("picture.tiles", 3*rows*cols)
	noise := Uniform("picture.noise", 3*height*width)
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var v [3]uint8
			for c := range v {
				tile := tiles[(c*rows+y/side)*cols+x/side]
				v[c] = uint8(float64(200*tile) + float64(55*noise[(c*height+y)*width+x]))
			}
			img.SetNRGBA(x, y, color.NRGBA{v[0], v[1], v[2], 255})
		}
	}
	return img
}

// Digest is what is stored of an output: 96 elements spread over it, then the
// mean of each of 32 equal runs of it, which no element escapes.
func Digest(x []float32) []float32 {
	const samples, chunks = 96, 32
	var d []float32
	for i := range samples {
		d = append(d, x[i*len(x)/samples])
	}
	for i := range chunks {
		run := x[i*len(x)/chunks : (i+1)*len(x)/chunks]
		sum := 0.0
		for _, v := range run {
			sum += float64(v)
		}
		d = append(d, float32(sum/float64(len(run))))
	}
	return d
}

package backbone

import (
	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

// The tensors of training/vectors/backbone_random.py, bit for bit; that file
// says what they are and why.

func randomWeights(g *nn.Graph) *nn.Weights {
	w := &nn.Weights{Tensors: map[string]nn.Tensor{}}
	for _, p := range g.Params() {
		w.Tensors[p.Name] = parity.Tensor(p.Name, p.Shape)
	}
	return w
}

// randomImage fills the planes of an input of height x width pixels.
func randomImage(planes [][]float32, height, width int) {
	const side = 16
	cols := (width + side - 1) / side
	rows := (height + side - 1) / side
	tiles := parity.Uniform("image.tiles", 3*rows*cols)
	noise := parity.Uniform("image.noise", 3*height*width)
	for c, plane := range planes {
		for i := range plane {
			tile := float32(2*tiles[(c*rows+i/width/side)*cols+i%width/side] - 1)
			plane[i] = float32(tile*1.5) + float32(2*noise[c*height*width+i]-1)
		}
	}
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

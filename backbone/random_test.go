package backbone

import (
	"hash/fnv"
	"math"
	"strings"

	"riffle/nn"
)

// The tensors of training/vectors/backbone_random.py, bit for bit; that file
// says what they are and why.

// uniform returns count numbers in [0, 1): splitmix64 started at the name's
// FNV-1a hash, upper 24 bits.
func uniform(name string, count int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	state := h.Sum64()
	u := make([]float64, count)
	for i := range u {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		u[i] = float64(z>>40) * 0x1p-24
	}
	return u
}

func randomTensor(p nn.Param) nn.Tensor {
	count := product(p.Shape)
	value := func(u float64) float64 { return (u - 0.5) * 0.5 }
	switch {
	case len(p.Shape) > 1:
		gain := 6.0
		if len(p.Shape) == 4 && p.Shape[1] == 1 {
			gain = 2.1
		}
		bound := math.Sqrt(gain / float64(product(p.Shape[1:])))
		value = func(u float64) float64 { return (2*u - 1) * bound }
	case strings.HasSuffix(p.Name, ".branch.7.weight"):
		value = func(u float64) float64 { return (u + 0.5) * 0.3 }
	case strings.HasSuffix(p.Name, ".running_var"), strings.HasSuffix(p.Name, ".weight"):
		value = func(u float64) float64 { return u + 0.5 }
	}
	t := nn.Tensor{Shape: p.Shape, Data: make([]float32, count)}
	for i, u := range uniform(p.Name, count) {
		t.Data[i] = float32(value(u))
	}
	return t
}

func randomWeights(g *nn.Graph) *nn.Weights {
	w := &nn.Weights{Tensors: map[string]nn.Tensor{}}
	for _, p := range g.Params() {
		w.Tensors[p.Name] = randomTensor(p)
	}
	return w
}

// randomImage fills the planes of an input of height x width pixels.
func randomImage(planes [][]float32, height, width int) {
	const side = 16
	cols := (width + side - 1) / side
	rows := (height + side - 1) / side
	tiles := uniform("image.tiles", 3*rows*cols)
	noise := uniform("image.noise", 3*height*width)
	for c, plane := range planes {
		for i := range plane {
			tile := float32(2*tiles[(c*rows+i/width/side)*cols+i%width/side] - 1)
			plane[i] = float32(tile*1.5) + float32(2*noise[c*height*width+i]-1)
		}
	}
}

// digest is what parity.safetensors stores of an output.
func digest(x []float32) []float32 {
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

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

package nn

import (
	"math"
	"math/rand/v2"
	"strings"
)

// RandomWeights makes weights for g that keep activations in a sane range
// (He initialisation; batch norms near identity). They serve benchmarks and
// tests of architectures without trained weights, and depend on nothing but
// the graph and the seed.
func RandomWeights(g *Graph, seed uint64) *Weights {
	return &Weights{Tensors: RandomTensors(g.Params(), seed)}
}

// RandomTensors are the tensors of [RandomWeights] for what a graph, or several,
// read.
func RandomTensors(params []Param, seed uint64) map[string]Tensor {
	rng := rand.New(rand.NewPCG(seed, 0))
	tensors := map[string]Tensor{}
	for _, p := range params {
		t := Tensor{Shape: p.Shape, Data: make([]float32, elements(p.Shape))}
		fanIn := elements(p.Shape[1:])
		for i := range t.Data {
			x := rng.NormFloat64()
			switch {
			case strings.HasSuffix(p.Name, ".running_var"):
				x = 1 + 0.1*math.Abs(x)
			case len(p.Shape) > 1:
				x *= math.Sqrt(2 / float64(fanIn))
			case strings.HasSuffix(p.Name, ".weight"):
				x = 1 + 0.1*x
			default:
				x *= 0.1
			}
			t.Data[i] = float32(x)
		}
		tensors[p.Name] = t
	}
	return tensors
}

package nn

import "riffle/nn/internal/kernel"

// Act is an activation function; the zero value is none.
type Act = kernel.Act

// The activations of the project's networks: ReLU, and MobileNetV3's HSwish
// and HSigmoid (arXiv 1905.02244, section 5.2).
var (
	ReLU     = Act{Kind: kernel.ReLU}
	HSwish   = Act{Kind: kernel.HSwish}
	HSigmoid = Act{Kind: kernel.HSigmoid}
	Sigmoid  = Act{Kind: kernel.Sigmoid}
)

// LeakyReLU is max(x, slope*x) for a slope of at most 1.
func LeakyReLU(slope float32) Act { return Act{Kind: kernel.LeakyReLU, Slope: slope} }

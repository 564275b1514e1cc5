package nn

import "example.com/riffle/nn/internal/kernel"

// Act is an activation function; the zero value is none.
type Act = kernel.Act

// The activations of the project's networks: ReLU, MobileNetV2's ReLU6, which
// is min(max(x, 0), 6), and MobileNetV3's HSwish and HSigmoid (arXiv
// 1905.02244, section 5.2).
var (
	ReLU     = Act{Kind: kernel.ReLU}
	ReLU6    = Act{Kind: kernel.ReLU6}
	HSwish   = Act{Kind: kernel.HSwish}
	HSigmoid = Act{Kind: kernel.HSigmoid}
	Sigmoid  = Act{Kind: kernel.Sigmoid}
)

// LeakyReLU is max(x, slope*x) for a slope of at most 1.
func LeakyReLU(slope float32) Act { return Act{Kind: kernel.LeakyReLU, Slope: slope} }

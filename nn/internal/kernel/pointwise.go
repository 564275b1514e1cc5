package kernel

// Pointwise is a 1x1 convolution, dense or grouped.
type Pointwise struct{ *gemm }

// NewPointwise prepares a 1x1 convolution of k channels to m channels of n
// pixels each, in groups groups; w is [m][k/groups], bias has m values or is
// nil.
func NewPointwise(isa ISA, w, bias []float32, m, k, n, groups int) *Pointwise {
	return &Pointwise{newGEMM(isa, w, bias, m, k, n, groups)}
}

// Units returns the number of independent pieces of work.
func (p *Pointwise) Units() int { return p.units() }

// Cost returns what unit u costs beside others.
func (p *Pointwise) Cost(u int) int { return p.cost(u) }

// First returns how many units, from 0 on, cover the first n pixels.
func (p *Pointwise) First(n int) int { return firstTiles(p.pixels, n) * len(p.rows) }

// Run computes out[i][x] = act(bias[i] + sum of w[i][j]*in[j][x] + res[i][x])
// for units u0 to u1-1. in has k planes, out has m. res is nil or has m planes,
// which may be the output planes themselves.
func (p *Pointwise) Run(out, in, res []Plane, act Act, u0, u1 int) {
	p.run(out, in, res, 0, act, u0, u1)
}

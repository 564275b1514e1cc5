package nn

import "math"

// reference evaluates a graph node by node in float64, without fusing,
// planning or sharing any code with the kernels.
func reference(g *Graph, w *Weights, image [][]float32, h, wd int) [][][]float32 {
	return referenceInt8(g, w, image, h, wd, nil)
}

// referenceInt8 is reference with 8-bit integers in the layers that have a
// range.
func referenceInt8(g *Graph, w *Weights, image [][]float32, h, wd int, ranges Ranges) [][][]float32 {
	sizes, err := g.shapes(h, wd)
	if err != nil {
		panic(err)
	}
	vals := make([][][]float64, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		out := make([][]float64, n.channels)
		for c := range out {
			out[c] = make([]float64, sizes[i].area())
		}
		var x [][]float64
		var xs size
		if len(n.in) > 0 {
			x, xs = vals[n.in[0]], sizes[n.in[0]]
		}
		for c := range out {
			for p := range out[c] {
				py, px := p/sizes[i].w, p%sizes[i].w
				switch n.kind {
				case opInput:
					out[c][p] = float64(image[c][p])
				case opConv:
					r, ok := ranges[n.name]
					switch {
					case ok && n.conv.Kernel > 1:
						out[c][p] = refDepthwiseInt8(n, w, x, xs, r, c, py, px)
					case ok:
						out[c][p] = refInt8(n, w, x, r, c, p)
					default:
						out[c][p] = refConv(n, w, x, xs, c, py, px)
					}
				case opLinear:
					sum := float64(w.Tensors[n.name+".bias"].Data[c])
					for k := range x {
						sum += float64(w.Tensors[n.name+".weight"].Data[c*len(x)+k]) * x[k][0]
					}
					out[c][p] = sum
				case opBatchNorm:
					at := func(part string) float64 { return float64(w.Tensors[n.name+part].Data[c]) }
					out[c][p] = (x[c][p]-at(".running_mean"))/math.Sqrt(at(".running_var")+n.epsilon)*at(".weight") + at(".bias")
				case opAct:
					out[c][p] = refAct(n.act, x[c][p])
				case opView:
					out[c][p] = vals[n.view[c].id][n.view[c].ch][p]
				case opMaxPool, opAvgPool:
					out[c][p] = refPool(n, x[c], xs, py, px)
				case opGlobalAvgPool:
					for _, v := range x[c] {
						out[c][p] += v / float64(len(x[c]))
					}
				case opAdd:
					out[c][p] = x[c][p] + vals[n.in[1]][c][p]
				case opMul:
					out[c][p] = x[c][p] * vals[n.in[1]][c][0]
				case opResize:
					out[c][p] = refResize(x[c], xs, sizes[i], py, px)
				case opNearest:
					out[c][p] = x[c][py*xs.h/sizes[i].h*xs.w+px*xs.w/sizes[i].w]
				}
			}
		}
		vals[i] = out
	}
	res := make([][][]float32, len(vals))
	for i, v := range vals {
		for _, plane := range v {
			f := make([]float32, len(plane))
			for k, x := range plane {
				f[k] = float32(x)
			}
			res[i] = append(res[i], f)
		}
	}
	return res
}

func refConv(n *node, w *Weights, x [][]float64, s size, c, py, px int) float64 {
	sum := 0.0
	if n.conv.Bias {
		sum = float64(w.Tensors[n.name+".bias"].Data[c])
	}
	k, per := n.conv.Kernel, len(x)/n.conv.Groups
	group := c / (n.channels / n.conv.Groups)
	for i := range per {
		for ky := range k {
			for kx := range k {
				y := py*n.conv.Stride + ky*n.conv.Dilation - n.conv.pad()
				xx := px*n.conv.Stride + kx*n.conv.Dilation - n.conv.pad()
				if y >= 0 && y < s.h && xx >= 0 && xx < s.w {
					sum += float64(w.Tensors[n.name+".weight"].Data[((c*per+i)*k+ky)*k+kx]) * x[group*per+i][y*s.w+xx]
				}
			}
		}
	}
	return sum
}

// refInt8 is a 1x1 convolution of inputs rounded to 256 steps from r.Lo to r.Hi
// and weights rounded to 255 steps from minus to plus their largest.
func refInt8(n *node, w *Weights, x [][]float64, r Range, c, p int) float64 {
	per := len(x) / n.conv.Groups
	group := c / (n.channels / n.conv.Groups)
	row := w.Tensors[n.name+".weight"].Data[c*per : (c+1)*per]
	top := 0.0
	for _, v := range row {
		top = max(top, math.Abs(float64(v)))
	}
	sum := 0.0
	for i, v := range row {
		sum += refRound(x[group*per+i][p], r) * math.RoundToEven(float64(v)*127/top) * top / 127
	}
	if n.conv.Bias {
		sum += float64(w.Tensors[n.name+".bias"].Data[c])
	}
	return sum
}

// refRound rounds a value to the 256 steps from r.Lo to r.Hi.
func refRound(x float64, r Range) float64 {
	lo, hi := min(0, float64(r.Lo)), max(0, float64(r.Hi))
	step := (hi - lo) / 255
	zero := math.RoundToEven(-lo / step)
	return (max(0, min(255, math.RoundToEven(x/step)+zero)) - zero) * step
}

// refDepthwiseInt8 is a depthwise convolution that rounds as refInt8 does.
func refDepthwiseInt8(n *node, w *Weights, x [][]float64, s size, r Range, c, py, px int) float64 {
	k := n.conv.Kernel
	weights := w.Tensors[n.name+".weight"].Data[c*k*k : (c+1)*k*k]
	top := 0.0
	for _, v := range weights {
		top = max(top, math.Abs(float64(v)))
	}
	sum := 0.0
	if n.conv.Bias {
		sum = float64(w.Tensors[n.name+".bias"].Data[c])
	}
	for i, v := range weights {
		y, xx := py*n.conv.Stride+i/k-k/2, px*n.conv.Stride+i%k-k/2
		if y >= 0 && y < s.h && xx >= 0 && xx < s.w {
			sum += refRound(x[c][y*s.w+xx], r) * math.RoundToEven(float64(v)*127/top) * top / 127
		}
	}
	return sum
}

func refAct(a Act, x float64) float64 {
	hsigmoid := math.Min(math.Max(x+3, 0), 6) / 6
	switch a {
	case ReLU:
		return math.Max(x, 0)
	case ReLU6:
		return math.Min(math.Max(x, 0), 6)
	case HSigmoid:
		return hsigmoid
	case HSwish:
		return x * hsigmoid
	case Sigmoid:
		return 1 / (1 + math.Exp(-x))
	}
	return math.Max(x, float64(a.Slope)*x)
}

func refPool(n *node, x []float64, s size, py, px int) float64 {
	best, sum := math.Inf(-1), 0.0
	for ky := range n.pool.kernel {
		for kx := range n.pool.kernel {
			y, xx := py*n.pool.stride+ky-n.pool.pad, px*n.pool.stride+kx-n.pool.pad
			if y >= 0 && y < s.h && xx >= 0 && xx < s.w {
				best = math.Max(best, x[y*s.w+xx])
				sum += x[y*s.w+xx]
			}
		}
	}
	if n.kind == opMaxPool {
		return best
	}
	return sum / float64(n.pool.kernel*n.pool.kernel)
}

func refResize(x []float64, from, to size, py, px int) float64 {
	at := func(p, n, m int) (int, int, float64) {
		f := math.Max((float64(p)+0.5)*float64(n)/float64(m)-0.5, 0)
		i := min(int(f), n-1)
		return i, min(i+1, n-1), f - float64(i)
	}
	y0, y1, fy := at(py, from.h, to.h)
	x0, x1, fx := at(px, from.w, to.w)
	top := x[y0*from.w+x0]*(1-fx) + x[y0*from.w+x1]*fx
	low := x[y1*from.w+x0]*(1-fx) + x[y1*from.w+x1]*fx
	return top*(1-fy) + low*fy
}

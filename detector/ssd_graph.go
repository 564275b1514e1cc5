package detector

import (
	"fmt"
	"math"

	"example.com/riffle/backbone"
	"example.com/riffle/nn"
)

// ssdMaps is how many maps an SSDLite looks at: C4, C5 and ssdExtra.
const ssdMaps = 6

// ssdExtra are the channels of the maps after C5, each half as large as the one
// before it.
var ssdExtra = [ssdMaps - 2]int{512, 256, 256, 128}

// ssdEpsilon is what torchvision's SSDLite adds to the variances of its batch
// norms.
const ssdEpsilon = 1e-3

// ssdGraph is SSDLite (arXiv 1801.04381, section 6.2) as torchvision builds it:
// a backbone, four more maps, and two heads on each of the six. On MobileNetV3 it
// begins at the expansion layer of the last stage's first block and at the last
// convolution before pooling (arXiv 1905.02244, section 6.3), on ShuffleNet at
// the results of stages 3 and 4. Tensors have torchvision's names, but for the
// backbone's, which keep their own after "backbone.".
func ssdGraph(h *Header) (*nn.Graph, error) {
	arch, err := backbone.Lookup(h.Arch)
	if err != nil {
		return nil, fmt.Errorf("model header: arch: %w", err)
	}
	network := arch.Network
	if h.SSD.ReducedTail {
		v3, ok := network.(backbone.MobileNetV3)
		if !ok {
			return nil, fmt.Errorf("model header: ssd.reduced_tail: %s has no tail to reduce, only MobileNetV3 has", h.Arch)
		}
		v3.ReducedTail = true
		network = v3
	}
	b := nn.NewBuilder()
	s := ssdBuilder{b}
	features := network.Features(b, b.Input(portImage, 3), backbone.Options{Prefix: "backbone."})
	x := features.C5
	maps := []nn.Value{features.C4, x}
	for i, channels := range ssdExtra {
		name := fmt.Sprintf("backbone.extra.%d.", i)
		x = s.conv(x, name+"0", nn.ConvSpec{Out: channels / 2})
		x = s.depthwise(x, name+"1", 2)
		x = s.conv(x, name+"2", nn.ConvSpec{Out: channels})
		maps = append(maps, x)
	}
	n := h.SSD.anchorsPerCell()
	for i, x := range maps {
		b.Output(fmt.Sprint(portClasses, i), s.predict(x, fmt.Sprintf("head.classification_head.module_list.%d.", i), n*h.SSD.Outputs))
		b.Output(fmt.Sprint(portDeltas, i), s.predict(x, fmt.Sprintf("head.regression_head.module_list.%d.", i), n*4))
	}
	return b.Graph()
}

type ssdBuilder struct{ *nn.Builder }

// conv is a convolution with its batch norm and ReLU6.
func (b ssdBuilder) conv(x nn.Value, name string, s nn.ConvSpec) nn.Value {
	return b.Act(b.BatchNormEps(b.Conv(x, name+".0", s), name+".1", ssdEpsilon), nn.ReLU6)
}

func (b ssdBuilder) depthwise(x nn.Value, name string, stride int) nn.Value {
	c := b.Channels(x)
	return b.conv(x, name, nn.ConvSpec{Out: c, Groups: c, Kernel: 3, Stride: stride})
}

// predict is a head: depthwise, then pointwise to the answers.
func (b ssdBuilder) predict(x nn.Value, name string, out int) nn.Value {
	return b.Pointwise(b.depthwise(x, name+"0", 1), name+"1", out, true)
}

// DefaultBoxes returns SSD's reference boxes (Liu et al., arXiv 1512.02325,
// section 2.2, with torchvision's rounding) over maps of the given rows and
// columns, for a picture of width x height pixels: map by map, row by row, cell
// by cell. Map k of m has boxes of scale minScale + (maxScale-minScale)*k/(m-1)
// of the picture: a square, a larger square whose side is the geometric mean
// with the next map's, and for each ratio one wider and one higher box of the
// same area.
func DefaultBoxes(maps [][2]int, minScale, maxScale float64, ratios []float64, width, height int) []Box {
	scales := make([]float64, len(maps), len(maps)+1)
	for k := range scales {
		scales[k] = minScale
		if len(maps) > 1 {
			scales[k] += (maxScale - minScale) * float64(k) / float64(len(maps)-1)
		}
	}
	if len(maps) == 1 {
		scales = append(scales, maxScale)
	} else {
		scales = append(scales, 1)
	}
	var out []Box
	w, h := float32(width), float32(height)
	for k, m := range maps {
		shapes := defaultShapes(scales[k], scales[k+1], ratios)
		rows, cols := m[0], m[1]
		for y := range rows {
			for x := range cols {
				cx, cy := (float32(x)+0.5)/float32(cols), (float32(y)+0.5)/float32(rows)
				for _, s := range shapes {
					out = append(out, Box{
						(cx - float32(0.5*s[0])) * w, (cy - float32(0.5*s[1])) * h,
						(cx + float32(0.5*s[0])) * w, (cy + float32(0.5*s[1])) * h,
					})
				}
			}
		}
	}
	return out
}

// defaultShapes are the widths and heights of a map's boxes, as fractions of the
// picture.
func defaultShapes(scale, next float64, ratios []float64) [][2]float32 {
	side := func(v float64) float32 { return float32(min(max(v, 0), 1)) }
	between := math.Sqrt(scale * next)
	out := [][2]float32{{side(scale), side(scale)}, {side(between), side(between)}}
	for _, r := range ratios {
		long, short := side(scale*math.Sqrt(r)), side(scale/math.Sqrt(r))
		out = append(out, [2]float32{long, short}, [2]float32{short, long})
	}
	return out
}

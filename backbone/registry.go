package backbone

import (
	"fmt"

	"example.com/riffle/internal/suggest"
	"example.com/riffle/nn"
)

// ImageNetClasses is the number of classes of the papers' classifiers.
const ImageNetClasses = 1000

// The names of a graph's input and outputs.
const (
	InputName = "image" // 3 x H x W
	LogitName = "logits"
	C3Name    = "c3" // stride 8
	C4Name    = "c4" // stride 16
	C5Name    = "c5" // stride 32
)

// Arch is a network with its name.
type Arch struct {
	Name  string
	Paper string // arXiv number
	Network
}

// registry is every architecture, in the order of Names.
var registry = list()

func list() []Arch {
	const v1, v2 = "1707.01083", "1807.11164"
	var all []Arch
	for _, w := range shuffleNetV1Widths {
		for _, g := range shuffleNetV1Groups {
			name := fmt.Sprintf("shufflenet_v1_x%s_g%d", w.width, g.groups)
			all = append(all, Arch{name, v1, shuffleNetV1(g.stage2, w.stem, g.groups, w.scale)})
		}
	}
	for _, a := range shuffleNetV1Arch2 {
		name := fmt.Sprintf("shufflenet_v1_x%s_g%d_arch2", a.width, a.groups)
		all = append(all, Arch{name, v1, ShuffleNetV1{
			Groups: a.groups, Repeats: [3]int{4, 6, 4}, Stem: a.stem, Channels: a.channels,
		}})
	}
	for _, w := range shuffleNetV2Widths {
		all = append(all, Arch{"shufflenet_v2_x" + w.width, v2, w.net})
	}
	for _, w := range shuffleNetV2Widths {
		w.net.Star = true
		all = append(all, Arch{"shufflenet_v2s_x" + w.width, v2, w.net})
	}
	for _, size := range []string{"large", "small"} {
		for _, w := range mobileNetV3Widths {
			a, _ := mobileNetV3("mobilenet_v3_" + size + w)
			all = append(all, a)
		}
	}
	return all
}

// Names lists all architectures, family by family, small to large.
func Names() []string {
	names := make([]string, len(registry))
	for i, a := range registry {
		names[i] = a.Name
	}
	return names
}

// Lookup returns the architecture of that name, which for MobileNetV3 may have
// any width. The error of an unknown one names the nearest.
func Lookup(name string) (Arch, error) {
	for _, a := range registry {
		if a.Name == name {
			return a, nil
		}
	}
	if a, ok := mobileNetV3(name); ok {
		return a, nil
	}
	return Arch{}, fmt.Errorf("backbone: unknown architecture %q%s", name, suggest.Hint(name, Names()))
}

// Build returns the named network as a classifier of ImageNetClasses classes:
// input InputName, output LogitName.
func Build(name string, o Options) (*nn.Graph, error) {
	a, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return a.Classifier(o)
}

// BuildFeatures returns the named network as a feature extractor: input
// InputName, outputs C3Name, C4Name and C5Name.
func BuildFeatures(name string, o Options) (*nn.Graph, error) {
	a, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return a.FeatureExtractor(o)
}

// Classifier is Build for a known architecture.
func (a Arch) Classifier(o Options) (*nn.Graph, error) {
	b := nn.NewBuilder()
	b.Output(LogitName, a.Logits(b, b.Input(InputName, 3), ImageNetClasses, o))
	return b.Graph()
}

// FeatureExtractor is BuildFeatures for a known architecture.
func (a Arch) FeatureExtractor(o Options) (*nn.Graph, error) {
	b := nn.NewBuilder()
	f := a.Features(b, b.Input(InputName, 3), o)
	b.Output(C3Name, f.C3)
	b.Output(C4Name, f.C4)
	b.Output(C5Name, f.C5)
	return b.Graph()
}

// Cost is what the papers' tables say of a classifier.
type Cost struct {
	MACs   int64 // multiply-adds of convolutions and fully connected layers
	Params int64 // learned parameters, without batch norm's running statistics
}

// Cost counts the classifier's multiply-adds for an input of height x width
// pixels, and its parameters.
func (a Arch) Cost(height, width int) (Cost, error) {
	g, err := a.Classifier(Options{})
	if err != nil {
		return Cost{}, err
	}
	macs, err := g.MACs(height, width)
	if err != nil {
		return Cost{}, err
	}
	return Cost{MACs: macs, Params: g.ParamCount()}, nil
}

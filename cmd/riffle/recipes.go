package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/riffle/backbone"
	"example.com/riffle/classifier"
	"example.com/riffle/detector"
	"example.com/riffle/internal/suggest"
	"example.com/riffle/models/checkpoint"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
	"example.com/riffle/segmenter"
)

// recipe makes a model of a checkpoint: which tensors it reads, what they are
// called in the checkpoint, and the header that goes with them.
type recipe struct {
	base   *modelfile.Header
	header any  // what base is part of
	resize *int // of a classifier's header
	params []nn.Param
	source func(string) string
	about  string // what it is, for people
	try    string // the command that runs it
}

// shapes are a checkpoint's, by name.
type shapes map[string][]int

// first is a tensor's first dimension, 0 if it is not there.
func (s shapes) first(name string) int {
	if len(s[name]) == 0 {
		return 0
	}
	return s[name][0]
}

// recipesFor are the ways to read a checkpoint as an architecture: most have
// one, and the one that fits best is meant. classes are the user's names, nil
// for those of the data set that the architecture's public weights know.
func recipesFor(arch string, have shapes, classes []string) ([]recipe, error) {
	if part := ssdliteName.FindStringSubmatch(arch); part != nil {
		size, err := strconv.Atoi(part[1])
		if err != nil {
			return nil, err
		}
		if _, err := backbone.Lookup(part[2]); err == nil {
			return ssdliteRecipes(size, part[2], have, classes)
		}
	}
	if _, err := backbone.Lookup(arch); err == nil {
		return classifierRecipe(arch, have, classes)
	}
	if part := lrasppName.FindStringSubmatch(arch); part != nil {
		if a, err := backbone.Lookup(part[1]); err == nil {
			if _, ok := a.Network.(backbone.MobileNetV3); ok {
				return lrasppRecipe(part[1], part[2] == "", have, classes)
			}
		}
	}
	return nil, fmt.Errorf("--arch: unknown architecture %q%s", arch, suggest.Hint(arch, importable()))
}

// importable lists what --arch knows.
func importable() []string {
	var names []string
	for _, n := range backbone.Names() {
		names = append(names, n, "ssdlite320_"+n)
		if strings.HasPrefix(n, "mobilenet_v3_") {
			names = append(names, "lraspp_"+n)
		}
	}
	return names
}

// classifierRecipe reads torchvision's classifiers. Which of its two recipes
// trained them, and so the size that pictures are resized to, cannot be told
// from the tensors: --resize says so.
func classifierRecipe(arch string, have shapes, classes []string) ([]recipe, error) {
	outputs := max(have.first("classifier.3.weight"), have.first("fc.weight"))
	if outputs == 0 {
		outputs = backbone.ImageNetClasses
	}
	h := classifier.ImageNet(arch, torchvisionResize(arch))
	switch {
	case classes == nil && outputs != backbone.ImageNetClasses:
		return nil, fmt.Errorf("the checkpoint tells %s apart, which are not ImageNet's: name them with --classes", countClasses(outputs))
	case classes != nil && len(classes) != outputs:
		return nil, fmt.Errorf("--classes names %d, the checkpoint tells %d apart", len(classes), outputs)
	case classes != nil:
		h.Classes = numbered(classes, 0)
	}
	g, err := classifier.Graph(&h)
	if err != nil {
		return nil, fmt.Errorf("--arch: %w", err)
	}
	return []recipe{{
		base: &h.Header, resize: &h.Resize, header: &h, params: g.Params(), source: func(name string) string { return name }, try: "riffle classify PHOTO",
		about: fmt.Sprintf("classifier %s, %s, %dx%d pixels", arch, countClasses(outputs), h.Input[1], h.Input[0]),
	}}, nil
}

// torchvisionResize is the size of torchvision's default weights' pictures.
func torchvisionResize(arch string) int {
	switch arch {
	case "shufflenet_v2_x1.5", "shufflenet_v2_x2.0":
		return 232
	}
	return 256
}

// ssdliteName is torchvision's: the side of the input, and the backbone.
var ssdliteName = regexp.MustCompile(`^ssdlite(\d{2,4})_(.+)$`)

// ssdliteRecipes read torchvision's ssdlite320_mobilenet_v3_large, and its like
// on other backbones. There, MobileNetV3 may have its last stage halved or not.
func ssdliteRecipes(size int, arch string, have shapes, classes []string) ([]recipe, error) {
	ssd := detector.TorchvisionSSDLite
	perCell := 2 + 2*len(ssd.Ratios)
	ssd.Outputs = have.first("head.classification_head.module_list.0.1.bias") / perCell
	if ssd.Outputs == 0 {
		ssd.Outputs = modelfile.COCOOutputs
	}
	known, err := foregroundClasses(ssd.Outputs, classes)
	if err != nil {
		return nil, err
	}
	tails := []bool{false}
	mobile := strings.HasPrefix(arch, "mobilenet_v3_")
	if mobile {
		tails = []bool{true, false}
	}
	var list []recipe
	for _, tail := range tails {
		h := &detector.Header{
			Header: modelfile.Header{
				Format: modelfile.Format, Arch: arch, Kind: modelfile.SSDLite, Input: []int{size, size},
				Mean: []float32{127.5, 127.5, 127.5}, Std: []float32{127.5, 127.5, 127.5}, Classes: known,
			},
			SSD: ssd, NMS: detector.SSDLiteNMS,
		}
		h.SSD.ReducedTail = tail
		params, err := detector.SSDLiteParams(h)
		if err != nil {
			return nil, fmt.Errorf("--arch: %w", err)
		}
		source := func(name string) string { return name }
		if mobile {
			source = ssdliteSource(params)
		}
		list = append(list, recipe{
			base: &h.Header, header: h, params: params, source: source, try: "riffle detect PHOTO",
			about: fmt.Sprintf("SSDLite on %s, %s, %dx%d pixels", arch, countClasses(len(known)), size, size),
		})
	}
	return list, nil
}

var mobileBlock = regexp.MustCompile(`^backbone\.features\.(\d+)\.(.*)$`)

// ssdliteSource gives torchvision's names of an SSDLite's tensors: it cuts
// MobileNetV3 in two after the expansion layer of the last stage's first block,
// backbone.features.0 and .1, and counts the blocks of the second part anew.
func ssdliteSource(params []nn.Param) func(string) string {
	// The last four rows of "features" are that block, two more and the last
	// convolution.
	last := 0
	for _, p := range params {
		if part := mobileBlock.FindStringSubmatch(p.Name); part != nil {
			n, _ := strconv.Atoi(part[1])
			last = max(last, n)
		}
	}
	cut := last - 3
	return func(name string) string {
		part := mobileBlock.FindStringSubmatch(name)
		if part == nil {
			return name
		}
		block, _ := strconv.Atoi(part[1])
		rest := part[2]
		switch {
		case block < cut:
			return fmt.Sprintf("backbone.features.0.%d.%s", block, rest)
		case block > cut:
			return fmt.Sprintf("backbone.features.1.%d.%s", block-cut, rest)
		case strings.HasPrefix(rest, "block.0."):
			return fmt.Sprintf("backbone.features.0.%d.%s", cut, strings.TrimPrefix(rest, "block.0."))
		}
		return "backbone.features.1.0." + strings.TrimPrefix(rest, "block.")
	}
}

// lrasppName is torchvision's, with what says that the last stage is not dilated:
// nothing in the weights does.
var lrasppName = regexp.MustCompile(`^lraspp_(.+?)(_stride32)?$`)

// lrasppRecipe reads torchvision's lraspp_mobilenet_v3_large and its like.
func lrasppRecipe(arch string, dilated bool, have shapes, classes []string) ([]recipe, error) {
	h := segmenter.Torchvision(arch)
	if !dilated {
		h.OutputStride = 32
	}
	if n := have.first("classifier.cbr.0.weight"); n > 0 {
		h.Hidden = n
	}
	outputs := have.first("classifier.low_classifier.weight")
	switch {
	case classes != nil && len(classes) == outputs-1: // the background is every network's number 0
		classes = append([]string{"background"}, classes...)
		fallthrough
	case classes != nil && len(classes) == outputs:
		h.Classes = numbered(classes, 0)
	case classes != nil && outputs > 0:
		return nil, fmt.Errorf("--classes names %d, the checkpoint tells %d apart, the background included", len(classes), outputs)
	case outputs > 0 && outputs != len(h.Classes):
		return nil, fmt.Errorf("the checkpoint tells %s apart, which are not Pascal VOC's: name them with --classes", countClasses(outputs))
	}
	g, err := segmenter.Graph(&h)
	if err != nil {
		return nil, fmt.Errorf("--arch: %w", err)
	}
	return []recipe{{
		base: &h.Header, header: &h, params: g.Params(), try: "riffle segment PHOTO --out DIR",
		source: func(name string) string { return strings.Replace(name, "backbone.features.", "backbone.", 1) },
		about:  fmt.Sprintf("LR-ASPP on %s at output stride %d, %s", arch, h.OutputStride, countClasses(len(h.Classes))),
	}}, nil
}

// foregroundClasses names the outputs besides the background, number 0.
func foregroundClasses(outputs int, names []string) ([]modelfile.Class, error) {
	switch {
	case names == nil && outputs == modelfile.COCOOutputs:
		return modelfile.COCO(), nil
	case names == nil:
		return nil, fmt.Errorf("the checkpoint tells %s apart, which are not COCO's: name them with --classes", countClasses(outputs-1))
	case len(names) != outputs-1:
		return nil, fmt.Errorf("--classes names %d, the checkpoint tells %d apart besides the background", len(names), outputs-1)
	}
	return numbered(names, 1), nil
}

func numbered(names []string, first int) []modelfile.Class {
	list := make([]modelfile.Class, len(names))
	for i, n := range names {
		list[i] = modelfile.Class{ID: first + i, Name: n}
	}
	return list
}

func countClasses(n int) string {
	if n == 1 {
		return "1 class"
	}
	return fmt.Sprintf("%d classes", n)
}

// best picks the recipe that the checkpoint fits best.
func best(list []recipe, have shapes) (recipe, *checkpoint.Misfit) {
	var chosen recipe
	var least *checkpoint.Misfit
	for i, r := range list {
		m := checkpoint.Fit(have, r.params, r.source)
		if m == nil {
			return r, nil
		}
		if i == 0 || m.Count() < least.Count() {
			chosen, least = r, m
		}
	}
	return chosen, least
}

// fitting lists the architectures that the whole checkpoint fits.
func fitting(have shapes, classes []string) []string {
	var names []string
	for _, arch := range importable() {
		list, err := recipesFor(arch, have, classes)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(list, func(r recipe) bool { return checkpoint.Fits(have, r.params, r.source) }) {
			names = append(names, arch)
		}
	}
	return names
}

package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"example.com/riffle/detector"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

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

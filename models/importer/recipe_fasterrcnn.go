package importer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"example.com/riffle/backbone"
	"example.com/riffle/detector"
	"example.com/riffle/models/modelfile"
)

// fasterRCNNName is torchvision's: the backbone, and the shorter side of photos if
// it is not 800.
var fasterRCNNName = regexp.MustCompile(`^fasterrcnn_(.+?)(?:_(\d{2,4}))?_fpn$`)

// fasterRCNNRecipes read torchvision's fasterrcnn_mobilenet_v3_large_fpn and
// fasterrcnn_mobilenet_v3_large_320_fpn, and their like on other backbones. The
// two have the same tensors, so the name must say which it is.
func fasterRCNNRecipes(size, arch string, have shapes, classes []string) ([]recipe, error) {
	a, err := backbone.Lookup(arch)
	if err != nil {
		return nil, fmt.Errorf("--arch: a Faster R-CNN on %q is not supported: backbones are MobileNetV3 and ShuffleNet, riffle models lists them", arch)
	}
	mobile := strings.HasPrefix(a.Name, "mobilenet_v3_")
	f := detector.TorchvisionFasterRCNN()
	if size != "" {
		if f.ShorterSide, err = strconv.Atoi(size); err != nil {
			return nil, err
		}
		f.LongerSide, f.PreNMS, f.Proposals = 2*f.ShorterSide, 150, 150
	}
	if err := shapeFasterRCNN(&f, mobile, have); err != nil {
		return nil, err
	}
	known, err := foregroundClasses(f.Outputs, classes)
	if err != nil {
		return nil, err
	}
	h := &detector.Header{
		Header: modelfile.Header{
			Format: modelfile.Format, Arch: a.Name, Kind: modelfile.FasterRCNN, Input: []int{f.ShorterSide, f.ShorterSide},
			Mean: []float32{123.675, 116.28, 103.53}, Std: []float32{58.395, 57.12, 57.375}, Classes: known,
		},
		FasterRCNN: f, NMS: detector.FasterRCNNNMS,
	}
	params, err := detector.FasterRCNNParams(h)
	if err != nil {
		return nil, fmt.Errorf("--arch: %w", err)
	}
	r := recipe{
		base: &h.Header, header: h, params: params, try: "riffle detect PHOTO",
		about: fmt.Sprintf("Faster R-CNN on %s, %s, shorter side %d pixels", a.Name, countClasses(len(known)), f.ShorterSide),
	}
	var list []recipe
	for _, old := range []bool{false, true} {
		r.source = fasterRCNNSource(mobile, old)
		list = append(list, r)
	}
	return list, nil
}

// shapeFasterRCNN takes from a checkpoint what its tensors tell of the header. What
// it does not have stays torchvision's.
func shapeFasterRCNN(f *detector.FasterRCNNHeader, mobile bool, have shapes) error {
	set := func(field *int, names ...string) {
		for _, name := range names {
			if n := have.first(name); n > 0 {
				*field = n
			}
		}
	}
	set(&f.Outputs, "roi_heads.box_predictor.cls_score.bias")
	set(&f.FPN, "backbone.fpn.inner_blocks.0.weight", "backbone.fpn.inner_blocks.0.0.weight")
	set(&f.Hidden, "roi_heads.box_head.fc6.bias")
	sizes := len(f.AnchorSizes[0])
	if !mobile {
		f.Levels = 3
		levels := 0
		for have.first(fmt.Sprintf("backbone.fpn.inner_blocks.%d.0.bias", levels)) > 0 {
			levels++
		}
		if levels == 1 || levels == 2 {
			f.Levels = levels
		}
		sizes = 1
	}
	if n := have.first("rpn.head.cls_logits.bias"); n > 0 {
		sizes = n / len(f.AnchorRatios)
		if n%len(f.AnchorRatios) != 0 || sizes != 1 && sizes != 5 {
			return fmt.Errorf("the checkpoint has %d anchors a cell, known are 15 (five sizes) and 3 (one size a level) of torchvision's", n)
		}
	}
	f.SetAnchors(sizes)
	return nil
}

// fasterRCNNSource gives torchvision's names of a Faster R-CNN's tensors. MobileNetV3
// is there without its "features.", and in checkpoints of before torchvision 0.13,
// which are its public ones, convolutions of the pyramid and the first of the region
// proposal network count no layers.
func fasterRCNNSource(mobile, old bool) func(string) string {
	return func(name string) string {
		if mobile {
			name = strings.Replace(name, "backbone.body.features.", "backbone.body.", 1)
		}
		if old {
			name = strings.Replace(name, "rpn.head.conv.0.0.", "rpn.head.conv.", 1)
			if strings.HasPrefix(name, "backbone.fpn.") {
				name = strings.Replace(name, ".0.weight", ".weight", 1)
				name = strings.Replace(name, ".0.bias", ".bias", 1)
			}
		}
		return name
	}
}

// unsupported says what of a checkpoint no architecture has, "" if it has nothing
// well-known.
func unsupported(have shapes) string {
	for _, k := range []struct{ prefix, what string }{
		{"backbone.body.layer4.", "a ResNet as its backbone"},
		{"layer4.", "a ResNet"},
		{"roi_heads.mask_head.", "a mask head"},
		{"roi_heads.keypoint_head.", "a keypoint head"},
		{"roi_heads.box_head.0.", "a box head of convolutions"},
	} {
		for name := range have {
			if strings.HasPrefix(name, k.prefix) {
				return "it has " + k.what + " (" + k.prefix + "*), which is not supported"
			}
		}
	}
	return ""
}

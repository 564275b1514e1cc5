package importer

import (
	"fmt"
	"regexp"
	"strings"

	"example.com/riffle/segmenter"
)

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

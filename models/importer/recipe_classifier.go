package importer

import (
	"fmt"

	"example.com/riffle/backbone"
	"example.com/riffle/classifier"
)

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

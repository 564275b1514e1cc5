package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.com/riffle/backbone"
	"example.com/riffle/internal/suggest"
	"example.com/riffle/models/checkpoint"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
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
	if part := fasterRCNNName.FindStringSubmatch(arch); part != nil {
		return fasterRCNNRecipes(part[2], part[1], have, classes)
	}
	return nil, fmt.Errorf("--arch: unknown architecture %q%s", arch, suggest.Hint(arch, Architectures()))
}

// Architectures lists what --arch knows.
func Architectures() []string {
	var names []string
	for _, n := range backbone.Names() {
		names = append(names, n, "ssdlite320_"+n, "fasterrcnn_"+n+"_fpn", "fasterrcnn_"+n+"_320_fpn")
		if strings.HasPrefix(n, "mobilenet_v3_") {
			names = append(names, "lraspp_"+n)
		}
	}
	return names
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

// best picks the recipe that the checkpoint matches best.
func best(list []recipe, have shapes) (recipe, *checkpoint.Mismatch) {
	var chosen recipe
	var least *checkpoint.Mismatch
	for i, r := range list {
		m := checkpoint.Match(have, r.params, r.source)
		if m == nil {
			return r, nil
		}
		if i == 0 || m.Count() < least.Count() {
			chosen, least = r, m
		}
	}
	return chosen, least
}

// matching lists the architectures that the whole checkpoint matches.
func matching(have shapes, classes []string) []string {
	var names []string
	for _, arch := range Architectures() {
		list, err := recipesFor(arch, have, classes)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(list, func(r recipe) bool { return checkpoint.Matches(have, r.params, r.source) }) {
			names = append(names, arch)
		}
	}
	return names
}

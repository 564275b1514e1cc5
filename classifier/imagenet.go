package classifier

import (
	_ "embed"
	"strings"

	"example.com/riffle/models/modelfile"
)

//go:embed imagenet.txt
var imageNetNames string

// ImageNetClasses are ImageNet's 1000 classes by the names that torchvision
// gives them, numbered from 0 in the order of its networks' outputs.
func ImageNetClasses() []modelfile.Class {
	names := strings.Split(strings.TrimSpace(imageNetNames), "\n")
	list := make([]modelfile.Class, len(names))
	for i, n := range names {
		list[i] = modelfile.Class{ID: i, Name: n}
	}
	return list
}

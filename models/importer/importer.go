// Package importer makes models of PyTorch checkpoints by the names of their
// tensors, which are torchvision's. Nothing in a checkpoint is executed.
package importer

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"example.com/riffle/classifier"
	"example.com/riffle/models/checkpoint"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// ErrOption is what errors wrap that another option would mend.
var ErrOption = errors.New("wrong option")

func optionf(format string, args ...any) error {
	return &optionError{fmt.Errorf(format, args...)}
}

// optionError keeps the text of an error that is [ErrOption].
type optionError struct{ error }

func (*optionError) Is(target error) bool { return target == ErrOption }
func (e *optionError) Unwrap() error      { return e.error }

// Options say what a checkpoint does not say itself.
type Options struct {
	// Arch is the architecture, such as ssdlite320_mobilenet_v3_large; "" means
	// the one that all tensors match.
	Arch string
	// Classes are the names of the classes in the order of the network's outputs;
	// nil means those of the data set that the architecture's public weights know.
	Classes []string
	// Resize is the shorter side in pixels that a classifier's pictures are resized
	// to; 0 means torchvision's.
	Resize  int
	Name    string // what the model calls itself
	License string
	Half    bool // store filters as float16
}

// Model is an imported model.
type Model struct {
	File  []byte // safetensors with riffle's header
	About string // what it is, for people
	From  string // the checkpoint's format, for people
	Try   string // the command that runs it, but for --model
}

// Import reads a checkpoint: a state_dict that torch.save wrote (.pth, .pt) or
// safetensors. The error wraps [ErrOption], [fs.ErrNotExist] or a
// [*checkpoint.Mismatch], which names every tensor that is missing, unexpected or
// of the wrong shape.
func Import(path string, o Options) (*Model, error) {
	file, closer, err := checkpoint.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, plain(err))
	}
	defer closer.Close()
	r, err := find(path, file.Shapes(), o)
	if err != nil {
		return nil, err
	}
	if err := r.setResize(o.Resize); err != nil {
		return nil, err
	}
	r.base.Name, r.base.Licence = o.Name, o.License
	tensors, err := file.Take(r.params, r.source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := finite(tensors); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	data, err := modelfile.Write(tensors, r.header, half(o.Half))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Model{File: data, About: r.about, From: describe(file), Try: r.try}, nil
}

// finite refuses weights that training has ruined: every result would be NaN.
func finite(tensors map[string]nn.Tensor) error {
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		for i, v := range tensors[name].Data {
			if v != v || v-v != 0 {
				return fmt.Errorf("tensor %q: element %d is %v: these weights are ruined", name, i, v)
			}
		}
	}
	return nil
}

// RandomDetector makes a model with random weights of an architecture of detectors
// that Import knows, of which only the speed can be measured. nil is no such one.
func RandomDetector(arch string) ([]byte, error) {
	list, err := recipesFor(arch, nil, nil)
	if err != nil || modelfile.TaskOf(list[0].base.Kind) != modelfile.Detect {
		return nil, err
	}
	r := list[0]
	r.base.Name = arch
	return modelfile.Write(nn.RandomTensors(r.params, 1), r.header, nil)
}

// plain drops the operation and the path that package os puts before what is
// wrong, and keeps what it wraps.
func plain(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (r *recipe) setResize(pixels int) error {
	if pixels == 0 {
		return nil
	}
	if r.resize == nil {
		return optionf("--resize is for classifiers, this is %s", r.about)
	}
	if least := max(r.base.Input[0], r.base.Input[1]); pixels < least || pixels > classifier.MaxResize {
		return optionf("--resize must be from %d, what is cut out, to %d", least, classifier.MaxResize)
	}
	*r.resize = pixels
	return nil
}

func describe(f *checkpoint.File) string {
	if f.Inside == "" {
		return f.Format
	}
	return fmt.Sprintf("%s (what it keeps under %q)", f.Format, f.Inside)
}

// half rounds what has most of the bytes and is least sensitive: the filters.
func half(on bool) func(string, nn.Tensor) bool {
	if !on {
		return nil
	}
	return func(_ string, t nn.Tensor) bool { return len(t.Shape) > 1 }
}

// find returns the recipe that the checkpoint matches.
func find(path string, have shapes, o Options) (recipe, error) {
	arch := o.Arch
	if arch == "" {
		switch found := matching(have, o.Classes); len(found) {
		case 0:
			if known := unsupported(have); known != "" {
				return recipe{}, fmt.Errorf("%s: fits no architecture: %s", path, known)
			}
			return recipe{}, fmt.Errorf("%s: fits no architecture entirely: --arch NAME tells what is wrong with it (riffle models lists the backbones)", path)
		case 1:
			arch = found[0]
		default:
			return recipe{}, optionf("%s fits %s: say which with --arch", path, strings.Join(found, " and "))
		}
	}
	list, err := recipesFor(arch, have, o.Classes)
	if err != nil {
		return recipe{}, &optionError{err}
	}
	r, mismatch := best(list, have)
	if mismatch == nil {
		return r, nil
	}
	if found := matching(have, o.Classes); len(found) > 0 {
		// Its text alone: which tensors differ from the wrong architecture helps nobody.
		return recipe{}, fmt.Errorf("%s does not fit %s: %s; it fits --arch %s", path, arch, mismatch.Error(), strings.Join(found, " and "))
	}
	if known := unsupported(have); known != "" {
		// As above: hundreds of tensors say less.
		return recipe{}, fmt.Errorf("%s does not fit %s: %s", path, arch, known)
	}
	return recipe{}, fmt.Errorf("%s does not fit %s: %w", path, arch, mismatch)
}

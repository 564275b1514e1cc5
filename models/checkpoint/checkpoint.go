package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"example.com/riffle/nn"
)

// maxFile bounds the files that are looked at; the largest network of this
// project has a hundredth of it.
const maxFile = 2 << 30

// maxTensors bounds a file's tensors.
const maxTensors = 1 << 16

// File is a checkpoint: a table of tensors, which are read one by one.
type File struct {
	// Format is what the file is: "PyTorch archive", "PyTorch stream" or
	// "safetensors".
	Format string
	// Inside is the key under which a training script put the state_dict, such
	// as "model"; empty if the file is nothing but the state_dict.
	Inside string

	tensors map[string]*view
	data    storages
	whole   *nn.Weights // of safetensors
}

// storages gives the bytes of a storage.
type storages interface {
	read(s *storage) ([]byte, error)
	// check holds every storage's size against the bytes that are there.
	check(s *storage) error
}

// Open reads the checkpoint at path. Close it when its tensors are read.
func Open(path string) (*File, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	st, err := f.Stat()
	if err == nil && st.IsDir() {
		err = errors.New("is a folder")
	}
	var c *File
	if err == nil {
		c, err = Read(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return c, f, nil
}

// Read reads the table of tensors of a checkpoint of size bytes. r must stay
// readable as long as tensors are read. Errors say what the file is if it is no
// checkpoint, and which name or tensor is wrong if it is one.
func Read(r io.ReaderAt, size int64) (*File, error) {
	if size > maxFile {
		return nil, fmt.Errorf("file of %d bytes, more than %d", size, int64(maxFile))
	}
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return readArchive(r, size)
	case len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return readStream(r, size)
	case len(head) > 9 && head[8] == '{':
		return readSafetensors(r, size)
	}
	return nil, notCheckpoint(head)
}

// notCheckpoint names what people take for a checkpoint.
func notCheckpoint(head []byte) error {
	const want = "want a state_dict saved by torch.save, or safetensors"
	starts := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch {
	case len(head) == 0:
		return errors.New("file is empty")
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return errors.New("file is a tar archive, as PyTorch wrote them before 0.1.10: load it with PyTorch and save the state_dict again")
	case starts("\x1f\x8b"):
		return errors.New("file is compressed with gzip: unpack it first")
	case starts("\x89HDF"):
		return errors.New("file is HDF5, perhaps of Keras: " + want)
	case starts("version https://git-lfs"):
		return errors.New("file is a pointer of Git LFS, not the weights themselves: git lfs pull fetches them")
	case starts("<"):
		return errors.New("file is a web page, perhaps of a download that failed: " + want)
	case starts("\x08"):
		return errors.New("file looks like ONNX: " + want)
	}
	return errors.New("not a checkpoint: " + want)
}

func readSafetensors(r io.ReaderAt, size int64) (*File, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, size), data); err != nil {
		return nil, short(err)
	}
	w, err := nn.ReadWeights(data)
	if err != nil {
		return nil, err
	}
	w.Tensors = bareNames(w.Tensors)
	return &File{Format: "safetensors", whole: w}, nil
}

// Shapes returns the tensors' names and shapes.
func (f *File) Shapes() map[string][]int {
	shapes := map[string][]int{}
	if f.whole != nil {
		for name, t := range f.whole.Tensors {
			shapes[name] = t.Shape
		}
	}
	for name, v := range f.tensors {
		shapes[name] = v.shape
	}
	return shapes
}

// Names lists the tensors in alphabetical order.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.Shapes())) }

// Tensor reads a tensor and converts it to float32, row by row whatever its
// order in the file.
func (f *File) Tensor(name string) (nn.Tensor, error) {
	if f.whole != nil {
		if t, ok := f.whole.Tensors[name]; ok {
			return t, nil
		}
	}
	v, ok := f.tensors[name]
	if !ok {
		return nn.Tensor{}, fmt.Errorf("tensor %q is missing", name)
	}
	raw, err := f.data.read(v.storage)
	if err != nil {
		return nn.Tensor{}, fmt.Errorf("tensor %q: %w", name, err)
	}
	return nn.Tensor{Shape: v.shape, Data: v.floats(raw)}, nil
}

// places are where training scripts put the state_dict, the best first.
var places = []string{"model", "state_dict", "model_state_dict", "net", "network", "weights", "params"}

// collect finds the state_dict in what a pickle built, and checks its tensors.
func (f *File) collect(root any) error {
	d, ok := root.(*dict)
	if !ok {
		return errors.New("holds no state_dict: save it with torch.save(model.state_dict(), FILE)")
	}
	// Training scripts keep a tensor or two beside the state_dict, such as the best
	// accuracy or the generator's state: the state_dict is what has most.
	found := d.tensors()
	for _, key := range places {
		if inner, ok := d.get(key).(*dict); ok {
			if more := inner.tensors(); len(more) > len(found) {
				found, f.Inside = more, key
			}
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("holds no tensors, neither by themselves nor under %s: save the state_dict with torch.save(model.state_dict(), FILE)", strings.Join(places, ", "))
	}
	if len(found) > maxTensors {
		return fmt.Errorf("holds %d tensors, more than %d", len(found), maxTensors)
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if err := f.data.check(found[name].storage); err != nil {
			return fmt.Errorf("tensor %q: %w", clip(name), err)
		}
	}
	f.tensors = bareNames(found)
	return nil
}

// tensors are those directly in a dict.
func (d *dict) tensors() map[string]*view {
	found := map[string]*view{}
	for i, k := range d.keys {
		name, isText := k.(string)
		if v, ok := d.values[i].(*view); ok && isText {
			found[name] = v
		}
	}
	return found
}

// wrappers are what training code puts before every name: DistributedDataParallel,
// torch.compile, Lightning and scripts that call their network a model or net.
var wrappers = []string{"module.", "_orig_mod.", "model.", "net."}

// averaged is the counter that AveragedModel keeps beside its copy.
const averaged = "n_averaged"

// bareNames drops wrappers, in whatever order they stand.
func bareNames[T any](all map[string]T) map[string]T {
	delete(all, averaged)
	for {
		prefix := ""
		for _, p := range wrappers {
			every := len(all) > 0
			for name := range all {
				every = every && strings.HasPrefix(name, p)
			}
			if every {
				prefix = p
			}
		}
		if prefix == "" {
			return all
		}
		bare := make(map[string]T, len(all))
		for name, v := range all {
			bare[strings.TrimPrefix(name, prefix)] = v
		}
		all = bare
	}
}

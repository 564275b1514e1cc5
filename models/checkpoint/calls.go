package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// The names that a state_dict's pickle looks up.
const (
	orderedDict = global("collections.OrderedDict")
	rebuildV2   = global("torch._utils._rebuild_tensor_v2")
	rebuildV1   = global("torch._utils._rebuild_tensor")
	parameter   = global("torch._utils._rebuild_parameter")
)

// storageTypes are torch's classes of storages with their element types.
var storageTypes = map[global]string{
	"torch.FloatStorage": "F32", "torch.HalfStorage": "F16", "torch.BFloat16Storage": "BF16",
	"torch.DoubleStorage": "F64", "torch.LongStorage": "I64", "torch.IntStorage": "I32",
	"torch.ShortStorage": "I16", "torch.CharStorage": "I8", "torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL",
}

// settings are classes whose objects training scripts save beside the weights:
// they are skipped.
var settings = map[global]bool{
	"argparse.Namespace": true, "torch.Size": true, "torch.device": true, "collections.defaultdict": true,
	"collections.Counter": true, "pathlib.PosixPath": true, "pathlib.PurePosixPath": true, "builtins.set": true,
	"builtins.dict": true, "builtins.slice": true, "builtins.int": true, "builtins.float": true,
	"torch.float16": true, "torch.bfloat16": true, "torch.float32": true, "torch.float64": true, "torch.int64": true,
	"numpy.core.multiarray.scalar": true, "numpy._core.multiarray.scalar": true, "numpy.dtype": true,
}

// lookUp puts a name that may be called, and refuses all others.
func (m *machine) lookUp(op byte) error {
	var module, name string
	if op == 'c' {
		var err error
		if module, err = m.line(); err != nil {
			return err
		}
		if name, err = m.line(); err != nil {
			return err
		}
	} else {
		parts, err := m.popN(2)
		if err != nil {
			return err
		}
		a, okA := parts[0].(string)
		b, okB := parts[1].(string)
		if !okA || !okB {
			return errors.New("pickle looks up something that is not a name")
		}
		module, name = a, b
	}
	g := global(strings.Replace(module, "__builtin__", "builtins", 1) + "." + name)
	_, isStorage := storageTypes[g]
	if !isStorage && !settings[g] && g != orderedDict && g != rebuildV2 && g != rebuildV1 && g != parameter {
		return refuse(g)
	}
	m.push(g)
	return nil
}

// refuse says why a name is not looked up.
func refuse(g global) error {
	name := clip(string(g))
	switch {
	case strings.HasPrefix(name, "torch._utils._rebuild_"):
		return fmt.Errorf("holds a kind of tensor that is not read (%s): save it as dense float weights", name)
	case strings.HasPrefix(name, "torch."), strings.HasPrefix(name, "torchvision."), strings.HasPrefix(name, "__main__."):
		return fmt.Errorf("holds a %s, not only weights: save the state_dict, torch.save(model.state_dict(), FILE)", name)
	}
	return fmt.Errorf("wants to call %s, which no state_dict needs: refused", name)
}

// build does what calls functions and makes objects in Python.
func (m *machine) build(op byte) error {
	switch op {
	case 'Q': // BINPERSID: a storage, by what torch.save writes of it
		id, err := m.pop()
		if err != nil {
			return err
		}
		s, err := storageOf(id)
		if err != nil {
			return err
		}
		if before := m.storages[s.key]; before != nil {
			if *before != *s {
				return fmt.Errorf("describes storage %q in two ways", clip(s.key))
			}
			s = before
		}
		m.storages[s.key] = s
		m.push(s)
		return nil
	case 'b': // BUILD: attributes, of a state_dict its _metadata
		if _, err := m.pop(); err != nil {
			return err
		}
		_, err := m.top()
		return err
	}
	args, err := m.popN(2) // REDUCE and NEWOBJ: f(*args)
	if err != nil {
		return err
	}
	f, ok := args[0].(global)
	given, isTuple := args[1].(tuple)
	if !ok || !isTuple {
		return errors.New("pickle calls something that is not a function")
	}
	v, err := call(f, given)
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

func call(f global, args tuple) (any, error) {
	switch f {
	case orderedDict:
		return newDict(args)
	case rebuildV1, rebuildV2:
		return newView(args)
	case parameter:
		if len(args) > 0 {
			if v, ok := args[0].(*view); ok {
				return v, nil
			}
		}
		return nil, errors.New("holds a parameter without a tensor")
	}
	if !settings[f] {
		return nil, refuse(f)
	}
	return inert{}, nil
}

// newDict makes an OrderedDict: empty, or of a list of pairs as Python 2 wrote it.
func newDict(args tuple) (any, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	pairs, ok := args[0].(*list)
	if !ok {
		return nil, errors.New("holds an OrderedDict of a strange form")
	}
	for _, p := range pairs.items {
		switch p := p.(type) {
		case tuple:
			if err := d.setAll(p); err != nil {
				return nil, err
			}
		case *list:
			if err := d.setAll(p.items); err != nil {
				return nil, err
			}
		default:
			return nil, errors.New("holds an OrderedDict of a strange form")
		}
	}
	return d, nil
}

// storageOf reads ('storage', type, key, location, count), in streams followed
// by the part of another storage it is, if it is one.
func storageOf(id any) (*storage, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || len(t) > 6 || t[0] != "storage" {
		return nil, errors.New("holds a storage of a strange form")
	}
	class, okClass := t[1].(global)
	key, okKey := t[2].(string)
	count, okCount := t[4].(int64)
	dtype, known := storageTypes[class]
	if !okClass || !okKey || !okCount || !known || count < 0 || len(t) == 6 && t[5] != nil {
		return nil, errors.New("holds a storage of a strange form")
	}
	return &storage{dtype: dtype, key: key, count: count}, nil
}

// maxRank bounds a tensor's dimensions.
const maxRank = 8

// newView reads (storage, offset, shape, strides, ...) and checks that the view
// lies within its storage and has no more elements than that: a view with a
// stride of 0 would ask for memory that no byte of the file stands for.
func newView(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("holds a tensor of a strange form")
	}
	s, okStorage := args[0].(*storage)
	offset, okOffset := args[1].(int64)
	shape, okShape := numbers(args[2])
	strides, okStrides := numbers(args[3])
	if !okStorage || !okOffset || !okShape || !okStrides || len(shape) != len(strides) || len(shape) > maxRank || offset < 0 || offset > s.count {
		return nil, errors.New("holds a tensor of a strange form")
	}
	v := &view{storage: s, offset: offset, strides: strides}
	empty := false
	for _, d := range shape {
		v.shape = append(v.shape, int(d))
		empty = empty || d == 0
	}
	if empty {
		return v, nil
	}
	count, last := int64(1), offset
	for i, d := range shape {
		if count > s.count/d || d > 1 && strides[i] > (s.count-1-last)/(d-1) {
			last = s.count
			break
		}
		count *= d
		last += (d - 1) * strides[i]
	}
	if last >= s.count {
		return nil, fmt.Errorf("holds a tensor of shape %v that does not fit its storage of %d elements", shape, s.count)
	}
	return v, nil
}

// numbers reads a tuple of sizes, none negative or beyond 2^40.
func numbers(v any) ([]int64, bool) {
	t, ok := v.(tuple)
	if !ok {
		return nil, false
	}
	out := make([]int64, len(t))
	for i, x := range t {
		n, ok := x.(int64)
		if !ok || n < 0 || n > 1<<40 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// clip shortens what a stranger wrote to what fits an error line.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

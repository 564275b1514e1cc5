package checkpoint

// What a pickle builds. None, bool, int64, float64 and string stand for
// themselves; bytes are a rawBytes, a set is a list.
type (
	tuple    []any
	rawBytes string
	mark     struct{}

	list struct{ items []any }

	// dict keeps the order of its keys, as Python's does. Keys are any values:
	// the optimizer's state is numbered.
	dict struct {
		keys   []any
		values []any
	}

	// global is a name that the pickle looks up: a function or a class.
	global string

	// inert stands for an object that holds settings, not weights, and is not
	// looked into.
	inert struct{}

	// storage is a flat array that tensors are views of.
	storage struct {
		dtype string // as safetensors names it; "" if it is only bytes
		key   string
		count int64 // elements
	}

	// view is a tensor: a storage with a shape laid over it.
	view struct {
		storage *storage
		offset  int64 // elements
		shape   []int
		strides []int64
	}
)

func (d *dict) set(k, v any) {
	d.keys, d.values = append(d.keys, k), append(d.values, v)
}

// get returns the value of a text key, the last one that was set.
func (d *dict) get(key string) any {
	for i := len(d.keys) - 1; i >= 0; i-- {
		if k, ok := d.keys[i].(string); ok && k == key {
			return d.values[i]
		}
	}
	return nil
}

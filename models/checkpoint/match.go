package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"example.com/riffle/internal/suggest"
	"example.com/riffle/nn"
)

// Mismatch is what of a checkpoint does not fit a network: one line a tensor.
type Mismatch struct {
	Missing    []string // tensors that the network reads and the checkpoint lacks
	Unexpected []string // tensors that the network has no place for
	Shapes     []string // tensors of the wrong shape
}

// Count is the number of lines.
func (m *Mismatch) Count() int { return len(m.Missing) + len(m.Unexpected) + len(m.Shapes) }

// Error sums up.
func (m *Mismatch) Error() string {
	var parts []string
	for _, p := range []struct {
		lines []string
		what  string
	}{{m.Missing, "missing"}, {m.Unexpected, "unexpected"}, {m.Shapes, "of the wrong shape"}} {
		if n := len(p.lines); n == 1 {
			parts = append(parts, "1 tensor "+p.what)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d tensors %s", n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// hinted is how many wrong names get hints: where most are wrong, the nearest
// name says nothing.
const hinted = 40

// Match compares a checkpoint's shapes with the tensors that a network reads.
// source gives the checkpoint's name for one of the network's. Trailing
// dimensions of 1 make no difference, and the counters that batch norms keep for
// training may be there. Nil means that everything fits.
func Match(shapes map[string][]int, params []nn.Param, source func(string) string) *Mismatch {
	wanted := map[string]bool{}
	var missing, unexpected []string
	m := &Mismatch{}
	for _, p := range params {
		name := source(p.Name)
		if wanted[name] {
			continue
		}
		wanted[name] = true
		shape, ok := shapes[name]
		switch {
		case !ok:
			missing = append(missing, name)
		case !slices.Equal(trimOnes(shape), trimOnes(p.Shape)):
			m.Shapes = append(m.Shapes, fmt.Sprintf("tensor %q has shape %v, the network wants %v", name, shape, p.Shape))
		}
	}
	for name := range shapes {
		if !wanted[name] && !strings.HasSuffix(name, ".num_batches_tracked") {
			unexpected = append(unexpected, name)
		}
	}
	slices.Sort(unexpected)
	for _, name := range missing {
		hint := ""
		if len(missing) <= hinted {
			hint = named(suggest.Name(name, unexpected), "the checkpoint has")
		}
		m.Missing = append(m.Missing, fmt.Sprintf("tensor %q is missing%s", name, hint))
	}
	for _, name := range unexpected {
		hint := ""
		if len(unexpected) <= hinted {
			hint = named(suggest.Name(name, missing), "the network wants")
		}
		m.Unexpected = append(m.Unexpected, fmt.Sprintf("tensor %q is unexpected%s", clip(name), hint))
	}
	if m.Count() == 0 {
		return nil
	}
	return m
}

// Matches tells whether everything fits, sooner than Match where it does not.
func Matches(shapes map[string][]int, params []nn.Param, source func(string) string) bool {
	for _, p := range params {
		shape, ok := shapes[source(p.Name)]
		if !ok || !slices.Equal(trimOnes(shape), trimOnes(p.Shape)) {
			return false
		}
	}
	return Match(shapes, params, source) == nil
}

func named(name, what string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(", %s %q", what, clip(name))
}

func trimOnes(shape []int) []int {
	for len(shape) > 0 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	return shape
}

// Take reads the tensors that a network wants, under the network's names and in
// its shapes. It must fit.
func (f *File) Take(params []nn.Param, source func(string) string) (map[string]nn.Tensor, error) {
	taken := make(map[string]nn.Tensor, len(params))
	for _, p := range params {
		if _, ok := taken[p.Name]; ok {
			continue
		}
		t, err := f.Tensor(source(p.Name))
		if err != nil {
			return nil, err
		}
		taken[p.Name] = nn.Tensor{Shape: p.Shape, Data: t.Data}
	}
	return taken, nil
}

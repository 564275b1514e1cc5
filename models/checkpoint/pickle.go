package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// maxPickle bounds the part of a file that is not tensors' data. The state_dict
// of a network of a thousand layers has some hundred kilobytes.
const maxPickle = 64 << 20

// machine is Python's pickle machine (the opcodes of protocols 2 to 5 that
// torch.save writes), with a closed list of what may be called. Every opcode
// does work in proportion to its own bytes, so a pickle costs what its length
// says.
type machine struct {
	*source
	stack    []any
	memo     map[uint64]any
	storages map[string]*storage // all that were named, by key
}

// load runs one pickle and returns what it builds, and the storages in it.
func load(s *source) (any, map[string]*storage, error) {
	m := &machine{source: s, memo: map[uint64]any{}, storages: map[string]*storage{}}
	v, err := m.run()
	return v, m.storages, err
}

func (m *machine) run() (any, error) {
	for {
		op, err := m.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, err
		}
	}
}

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

var errStack = errors.New("pickle takes more than it has put")

func (m *machine) pop() (any, error) {
	if len(m.stack) == 0 {
		return nil, errStack
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	if _, ok := v.(mark); ok {
		return nil, errStack
	}
	return v, nil
}

func (m *machine) top() (any, error) {
	v, err := m.pop()
	if err == nil {
		m.push(v)
	}
	return v, err
}

// popMark takes all that was put since the last mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			items := slices.Clone(m.stack[i+1:])
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errStack
}

// popN takes the last n values, in the order they were put.
func (m *machine) popN(n int) ([]any, error) {
	items := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		var err error
		if items[i], err = m.pop(); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (m *machine) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := m.byte()
		if err == nil && (v < 2 || v > 5) {
			err = fmt.Errorf("pickle protocol %d is not read", v)
		}
		return err
	case 0x95: // FRAME
		_, err := m.little(8)
		return err
	case '(':
		m.push(mark{})
	case '0': // POP, of a mark too
		if len(m.stack) == 0 {
			return errStack
		}
		m.stack = m.stack[:len(m.stack)-1]
	case '1': // POP_MARK
		_, err := m.popMark()
		return err
	case '2': // DUP
		v, err := m.top()
		m.push(v)
		return err
	case 'N':
		m.push(nil)
	case 0x88:
		m.push(true)
	case 0x89:
		m.push(false)
	case 'K', 'M', 'J', 0x8a, 0x8b, 'G':
		return m.number(op)
	case 'X', 0x8c, 0x8d, 'U', 'T', 'B', 'C', 0x8e:
		return m.text(op)
	case '}':
		m.push(&dict{})
	case ']', 0x8f: // EMPTY_LIST, EMPTY_SET
		m.push(&list{})
	case ')', 't', 0x85, 0x86, 0x87, 'l', 'd', 0x91:
		return m.collect(op)
	case 'a', 'e', 0x90, 's', 'u':
		return m.fill(op)
	case 'q', 'r', 0x94, 'h', 'j':
		return m.remember(op)
	case 'c', 0x93:
		return m.lookUp(op)
	case 'Q', 'R', 0x81, 'b':
		return m.build(op)
	default:
		return fmt.Errorf("pickle: opcode %#02x at byte %d is not read", op, m.pos-1)
	}
	return nil
}

func (m *machine) number(op byte) error {
	switch op {
	case 'K', 'M':
		n := 1
		if op == 'M' {
			n = 2
		}
		v, err := m.little(n)
		m.push(int64(v))
		return err
	case 'J':
		v, err := m.little(4)
		m.push(int64(int32(v)))
		return err
	case 'G':
		v, err := m.little(8)
		m.push(math.Float64frombits(bits.ReverseBytes64(v)))
		return err
	}
	width := 1 // LONG1
	if op == 0x8b {
		width = 4
	}
	n, err := m.length(width)
	if err != nil {
		return err
	}
	b, err := m.bytes(n)
	if err != nil {
		return err
	}
	m.push(long(b))
	return nil
}

// long is a little-endian two's complement number. What does not fit (the magic
// number of a stream) keeps its bytes.
func long(b []byte) any {
	if len(b) > 8 {
		return rawBytes(b)
	}
	var v uint64
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	if n := 8 * len(b); n > 0 && n < 64 && v>>(n-1) == 1 {
		v |= ^uint64(0) << n
	}
	return int64(v)
}

func (m *machine) text(op byte) error {
	width := 4
	switch op {
	case 0x8c, 'U', 'C':
		width = 1
	case 0x8d, 0x8e:
		width = 8
	}
	n, err := m.length(width)
	if err != nil {
		return err
	}
	b, err := m.bytes(n)
	if err != nil {
		return err
	}
	if op == 'B' || op == 'C' || op == 0x8e {
		m.push(rawBytes(b))
	} else {
		m.push(string(b))
	}
	return nil
}

// collect makes tuples, lists and dicts of what is on the stack.
func (m *machine) collect(op byte) error {
	var items []any
	var err error
	switch op {
	case ')':
	case 0x85, 0x86, 0x87:
		items, err = m.popN(int(op - 0x84))
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	switch op {
	case 'l', 0x91:
		m.push(&list{items})
	case 'd':
		d := &dict{}
		m.push(d)
		return d.setAll(items)
	default:
		m.push(tuple(items))
	}
	return nil
}

// fill adds to a list or a dict that is on the stack.
func (m *machine) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case 'a':
		items, err = m.popN(1)
	case 's':
		items, err = m.popN(2)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	into, err := m.top()
	if err != nil {
		return err
	}
	switch into := into.(type) {
	case *list:
		if op == 's' || op == 'u' {
			return errors.New("pickle sets keys of a list")
		}
		into.items = append(into.items, items...)
		return nil
	case *dict:
		if op == 's' || op == 'u' {
			return into.setAll(items)
		}
	case inert:
		return nil
	}
	return errors.New("pickle adds items to what has none")
}

func (d *dict) setAll(items []any) error {
	if len(items)%2 != 0 {
		return errors.New("pickle sets a key without a value")
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
	return nil
}

// remember keeps the top of the stack under a number, or puts what was kept.
func (m *machine) remember(op byte) error {
	width := 1
	if op == 'r' || op == 'j' {
		width = 4
	}
	k := uint64(len(m.memo)) // MEMOIZE counts by itself
	if op != 0x94 {
		var err error
		if k, err = m.little(width); err != nil {
			return err
		}
	}
	if op == 'h' || op == 'j' {
		v, ok := m.memo[k]
		if !ok {
			return fmt.Errorf("pickle wants number %d back, which it never kept", k)
		}
		m.push(v)
		return nil
	}
	v, err := m.top()
	m.memo[k] = v
	return err
}

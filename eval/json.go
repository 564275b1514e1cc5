package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// jsonReader walks through a JSON file value by value, as Python's json module
// reads it: NaN, Infinity and -Infinity are numbers, keys are case-sensitive.
// A value that nobody asked for is checked for syntax and dropped, so files are
// never held in memory and unused fields may hold anything.
//
// encoding/json is of no use here: it refuses NaN, folds the case of keys,
// lets the last of two equal keys win and turns large ids into float64.
type jsonReader struct {
	r        io.Reader // nil: all is in buf
	buf      []byte
	pos, end int   // what is read and not consumed is buf[pos:end]
	mark     int   // what is wanted is buf[mark:pos]; -1 for nothing
	before   int64 // bytes of the file before buf[0]
	texts    []byte
}

var (
	errCutShort = errors.New("the JSON is cut short")
	errTrailing = errors.New("something follows the JSON value: is this two files in one?")
)

// maxDepth bounds the nesting of lists and objects.
const maxDepth = 1000

// newJSONReader skips the byte order mark that Windows programs write.
func newJSONReader(r io.Reader) *jsonReader {
	j := &jsonReader{r: r, buf: make([]byte, 1<<16), mark: -1}
	for j.end < 3 && j.fill() == nil {
		continue
	}
	if bytes.HasPrefix(j.buf[:j.end], []byte("\xef\xbb\xbf")) {
		j.pos = 3
	}
	return j
}

// memoryReader reads a value that is in memory.
func memoryReader(text []byte) *jsonReader {
	return &jsonReader{buf: text, end: len(text), mark: -1}
}

// fill reads more of the file, which it keeps from the mark or from pos on.
func (j *jsonReader) fill() error {
	if j.r == nil {
		return errCutShort
	}
	from := j.pos
	if j.mark >= 0 {
		from = j.mark
	}
	if from > 0 {
		copy(j.buf, j.buf[from:j.end])
		j.pos, j.end, j.before = j.pos-from, j.end-from, j.before+int64(from)
		if j.mark >= 0 {
			j.mark = 0
		}
	}
	if j.end == len(j.buf) {
		j.buf = append(j.buf, make([]byte, max(256, len(j.buf)))...)
	}
	for range 100 { // as bufio does, against a reader that returns nothing for ever
		n, err := j.r.Read(j.buf[j.end:])
		j.end += n
		switch {
		case n > 0:
			return nil
		case errors.Is(err, io.EOF):
			return errCutShort
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

func (j *jsonReader) broken(what string) error {
	return fmt.Errorf("broken JSON after %d bytes: %s", j.before+int64(j.pos), what)
}

// next consumes one byte.
func (j *jsonReader) next() (byte, error) {
	if j.pos == j.end {
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
	c := j.buf[j.pos]
	j.pos++
	return c, nil
}

// peek skips white space and returns the first byte of what follows.
func (j *jsonReader) peek() (byte, error) {
	for {
		for ; j.pos < j.end; j.pos++ {
			if c := j.buf[j.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				return c, nil
			}
		}
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
}

// begin returns the first byte of the file's value, or says what kind of file it
// is that holds none.
func (j *jsonReader) begin() (byte, error) {
	c, err := j.peek()
	switch {
	case errors.Is(err, errCutShort):
		return 0, errors.New("the file is empty")
	case err != nil:
		return 0, err
	case c == 0xff || c == 0xfe:
		return 0, errors.New("the file is UTF-16, or no text: JSON is UTF-8")
	case c == 0x1f:
		return 0, errors.New("the file is compressed: unpack it first")
	}
	return c, nil
}

// finish is an error unless only white space is left.
func (j *jsonReader) finish() error {
	_, err := j.peek()
	switch {
	case errors.Is(err, errCutShort):
		return nil
	case err != nil:
		return err
	}
	return errTrailing
}

// skip consumes one value.
func (j *jsonReader) skip() error { return j.value(0) }

// raw consumes one value and returns its text, which is valid until the next
// call.
func (j *jsonReader) raw() ([]byte, error) {
	if _, err := j.peek(); err != nil {
		return nil, err
	}
	j.mark = j.pos
	err := j.value(0)
	text := j.buf[j.mark:j.pos]
	j.mark = -1
	return text, err
}

func (j *jsonReader) value(depth int) error {
	if depth > maxDepth {
		return j.broken("nested too deeply")
	}
	c, err := j.peek()
	if err != nil {
		return err
	}
	switch {
	case c == '{':
		return j.members(func() error {
			if err := j.text(); err != nil {
				return err
			}
			if err := j.expect(':'); err != nil {
				return err
			}
			return j.value(depth + 1)
		})
	case c == '[':
		return j.elements(func() error { return j.value(depth + 1) })
	case c == '"':
		return j.text()
	case c == '-' || c >= '0' && c <= '9':
		return j.number()
	}
	return j.word()
}

func (j *jsonReader) expect(want byte) error {
	c, err := j.peek()
	if err != nil {
		return err
	}
	if c != want {
		return j.broken(fmt.Sprintf("%q where %q belongs", c, want))
	}
	j.pos++
	return nil
}

// members calls one for each member of an object, which has to consume key,
// colon and value; elements does the same for the elements of a list.
func (j *jsonReader) members(one func() error) error  { return j.sequence('{', '}', one) }
func (j *jsonReader) elements(one func() error) error { return j.sequence('[', ']', one) }

func (j *jsonReader) sequence(open, closing byte, one func() error) error {
	if err := j.expect(open); err != nil {
		return err
	}
	c, err := j.peek()
	if err != nil {
		return err
	}
	if c == closing {
		j.pos++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		c, err := j.peek()
		if err != nil {
			return err
		}
		switch c {
		case closing:
			j.pos++
			return nil
		case ',':
			j.pos++
		default:
			return j.broken(fmt.Sprintf("%q where ',' or %q belongs", c, closing))
		}
	}
}

// text consumes a string.
func (j *jsonReader) text() error {
	if err := j.expect('"'); err != nil {
		return err
	}
	for {
		c, err := j.next()
		switch {
		case err != nil:
			return err
		case c == '"':
			return nil
		case c < ' ':
			return j.broken("a control character in a string")
		case c == '\\':
			if err := j.escape(); err != nil {
				return err
			}
		}
	}
}

func (j *jsonReader) escape() error {
	c, err := j.next()
	if err != nil {
		return err
	}
	if c != 'u' {
		if !bytes.ContainsRune([]byte(`"\/bfnrt`), rune(c)) {
			return j.broken("an unknown escape in a string")
		}
		return nil
	}
	for range 4 {
		c, err := j.next()
		if err != nil {
			return err
		}
		if _, err := strconv.ParseUint(string(c), 16, 8); err != nil {
			return j.broken("an unknown escape in a string")
		}
	}
	return nil
}

// number consumes a number, or -Infinity.
func (j *jsonReader) number() error {
	c, err := j.next()
	if err != nil {
		return err
	}
	if c == '-' {
		if c, err = j.next(); err != nil {
			return err
		}
		if c == 'I' {
			j.pos--
			return j.word()
		}
	}
	if c < '0' || c > '9' {
		return j.broken("a minus sign without a number")
	}
	more := true
	if c != '0' { // no number begins with a zero but zero itself
		if more, err = j.digits(0); err != nil {
			return err
		}
	}
	if more, err = j.fraction(more); err != nil || !more {
		return err
	}
	return j.exponent()
}

// digits consumes at least so many digits; more is false at the end of the file.
func (j *jsonReader) digits(least int) (more bool, err error) {
	for n := 0; ; n++ {
		c, err := j.next()
		switch {
		case errors.Is(err, errCutShort) && n >= least:
			return false, nil // a number may end a file
		case err != nil:
			return false, err
		case c < '0' || c > '9':
			j.pos--
			if n < least {
				return false, j.broken("a number without digits")
			}
			return true, nil
		}
	}
}

// optional consumes one byte if it is one of the two given.
func (j *jsonReader) optional(a, b byte) (found bool, err error) {
	c, err := j.next()
	if err == nil && c != a && c != b {
		j.pos--
		return false, nil
	}
	if errors.Is(err, errCutShort) {
		return false, nil
	}
	return err == nil, err
}

func (j *jsonReader) fraction(more bool) (bool, error) {
	if !more {
		return false, nil
	}
	found, err := j.optional('.', '.')
	if err != nil || !found {
		return true, err
	}
	return j.digits(1)
}

func (j *jsonReader) exponent() error {
	found, err := j.optional('e', 'E')
	if err != nil || !found {
		return err
	}
	if _, err := j.optional('+', '-'); err != nil {
		return err
	}
	_, err = j.digits(1)
	return err
}

// word consumes true, false, null, NaN or Infinity.
func (j *jsonReader) word() error {
	var w []byte
	for len(w) < 9 {
		c, err := j.next()
		if err != nil && !errors.Is(err, errCutShort) {
			return err
		}
		if err != nil || c|0x20 < 'a' || c|0x20 > 'z' {
			if err == nil {
				j.pos--
			}
			for _, word := range []string{"true", "false", "null", "NaN", "Infinity"} {
				if word == string(w) {
					return nil
				}
				if err != nil && strings.HasPrefix(word, string(w)) {
					return err
				}
			}
			break
		}
		w = append(w, c)
	}
	return j.broken("no value")
}

// key consumes the key of a member and the colon behind it.
func (j *jsonReader) key() (string, error) {
	c, err := j.peek()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", j.broken("a key that is not a string")
	}
	text, err := j.raw()
	if err != nil {
		return "", err
	}
	key, _ := jsonString(text)
	return key, j.expect(':')
}

// entry consumes one value and, if it is an object, stores the text of the
// members with the given names in values, nil for those that it lacks; the text
// is valid until the next entry. ok is false for what is not an object. One name
// twice is an error: no reading of such an entry is right.
func (j *jsonReader) entry(names []string, values [][]byte) (ok bool, err error) {
	c, err := j.peek()
	if err != nil {
		return false, err
	}
	if c != '{' {
		return false, j.skip()
	}
	clear(values)
	j.texts = j.texts[:0]
	var at, ends [8]int // the member of each text, and where the text ends
	n := 0
	err = j.members(func() error {
		key, err := j.key()
		if err != nil {
			return err
		}
		i := slices.Index(names, key)
		if i < 0 {
			return j.skip()
		}
		if slices.Contains(at[:n], i) {
			return fmt.Errorf("duplicate key %q", key)
		}
		text, err := j.raw()
		j.texts = append(j.texts, text...)
		at[n], ends[n] = i, len(j.texts)
		n++
		return err
	})
	start := 0
	for k := range n {
		values[at[k]] = j.texts[start:ends[k]:ends[k]]
		start = ends[k]
	}
	return true, err
}

// isNull is true of an absent member and of null.
func isNull(text []byte) bool { return text == nil || string(text) == "null" }

// jsonNumber is the value of a finite number.
func jsonNumber(text []byte) (v float64, ok bool) {
	if len(text) == 0 || text[0] != '-' && (text[0] < '0' || text[0] > '9') {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// jsonString is the value of a string.
func jsonString(text []byte) (s string, ok bool) {
	if len(text) < 2 || text[0] != '"' {
		return "", false
	}
	if !bytes.ContainsRune(text, '\\') {
		return string(bytes.ToValidUTF8(text[1:len(text)-1], []byte("\ufffd"))), true
	}
	return s, json.Unmarshal(text, &s) == nil
}

// jsonNumbers reads a list of finite numbers.
func jsonNumbers(text []byte) (list []float64, ok bool) {
	if len(text) < 2 || text[0] != '[' {
		return nil, false
	}
	text = text[1 : len(text)-1]
	for len(text) > 0 {
		item, rest, more := bytes.Cut(text, []byte{','})
		if item = bytes.TrimSpace(item); len(item) == 0 && !more && list == nil {
			return nil, true // "[ ]"
		}
		v, ok := jsonNumber(item)
		if !ok {
			return nil, false
		}
		list, text = append(list, v), rest
	}
	return list, true
}

// jsonLabel reads an id. Ids are labels: any number or string will do, and two
// are the same only if they are equal to the last digit. It returns a canonical
// JSON text, so that 1, 1.0 and 1e0 are one id and "1" is another.
func jsonLabel(text []byte) (label string, ok bool) {
	if s, ok := jsonString(text); ok {
		return quoted(s), true
	}
	v, ok := jsonNumber(text)
	if !ok {
		return "", false
	}
	if !bytes.ContainsAny(text, ".eE") {
		if string(text) == "-0" {
			return "0", true
		}
		return string(text), true
	}
	if v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	whole, _ := big.NewFloat(v).Int(nil)
	return whole.String(), true
}

// quoted writes a string as JSON.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a buffer takes everything
	return string(bytes.TrimSpace(b.Bytes()))
}

var errNoObject = errors.New("no object")

// entryOf is entry for what has to be an object.
func (j *jsonReader) entryOf(names []string, values [][]byte) error {
	ok, err := j.entry(names, values)
	if err == nil && !ok {
		err = errNoObject
	}
	return err
}

// jsonElements splits a list into the texts of its elements.
func jsonElements(text []byte) (list [][]byte, ok bool) {
	j := memoryReader(text)
	err := j.elements(func() error {
		part, err := j.raw()
		list = append(list, bytes.Clone(part))
		return err
	})
	return list, err == nil
}

package checkpoint

import (
	"bufio"
	"errors"
	"io"
)

var errShort = errors.New("file is cut short")

// source reads a pickle byte by byte and counts, so that what follows it can be
// found.
type source struct {
	r    *bufio.Reader
	pos  int64
	left int64 // bytes that may still be read
}

func newSource(r io.Reader, limit int64) *source {
	return &source{r: bufio.NewReader(r), left: limit}
}

func (s *source) byte() (byte, error) {
	if s.left < 1 {
		return 0, errShort
	}
	b, err := s.r.ReadByte()
	if err != nil {
		return 0, short(err)
	}
	s.pos, s.left = s.pos+1, s.left-1
	return b, nil
}

// bytes reads n bytes; n is checked against what is left before they are
// allocated.
func (s *source) bytes(n int64) ([]byte, error) {
	if n < 0 || n > s.left {
		return nil, errShort
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, short(err)
	}
	s.pos, s.left = s.pos+n, s.left-n
	return b, nil
}

// line reads to the next newline, which it drops.
func (s *source) line() (string, error) {
	const most = 1 << 10
	var b []byte
	for len(b) < most {
		c, err := s.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, c)
	}
	return "", errors.New("a name has no end")
}

// little reads an unsigned little-endian number of n bytes, at most 8.
func (s *source) little(n int) (uint64, error) {
	var v uint64
	for i := range n {
		b, err := s.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// length is little as a number of bytes.
func (s *source) length(n int) (int64, error) {
	v, err := s.little(n)
	if err == nil && v > 1<<62 {
		err = errShort
	}
	return int64(v), err
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return err
}

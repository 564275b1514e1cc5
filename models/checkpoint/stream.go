package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// stream is torch.save's format before PyTorch 1.6: five pickles (a magic
// number, a version, facts of the machine, the object, the keys of its
// storages), then for each key the number of elements and the elements.
type stream struct {
	r      io.ReaderAt
	end    int64
	offset map[string]int64 // of the storages' bytes
	counts map[string]int64
	last   string
	bytes  []byte
}

// streamMagic is the number 0x1950a86a20f9469cfc6c.
const streamMagic = rawBytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")

func readStream(r io.ReaderAt, size int64) (*File, error) {
	src := newSource(io.NewSectionReader(r, 0, size), min(size, maxPickle))
	var parts [5]any
	var known map[string]*storage
	for i := range parts {
		v, storages, err := load(src)
		if err != nil {
			return nil, err
		}
		if parts[i] = v; i == 3 {
			known = storages
		}
		if i == 0 && parts[0] != streamMagic {
			return nil, errors.New("file is a pickle, but not one of torch.save: save the state_dict, torch.save(model.state_dict(), FILE)")
		}
	}
	if parts[1] != int64(1001) {
		return nil, fmt.Errorf("stream of version %v, which is not read", parts[1])
	}
	if facts, ok := parts[2].(*dict); ok && facts.get("little_endian") == false {
		return nil, errors.New("file was written on a big-endian machine, which is not read: load it with PyTorch and save it again")
	}
	keys, ok := parts[4].(*list)
	if !ok || len(keys.items) > maxTensors {
		return nil, errors.New("stream without the list of its storages")
	}
	s := &stream{r: r, end: size, offset: map[string]int64{}, counts: map[string]int64{}}
	f := &File{Format: "PyTorch stream", data: s}
	if err := s.locate(src.pos, keys.items, known); err != nil {
		return nil, err
	}
	return f, f.collect(parts[3])
}

// locate walks over the storages' bytes, whose length only their tensors know.
func (s *stream) locate(pos int64, keys []any, known map[string]*storage) error {
	for _, k := range keys {
		key, ok := k.(string)
		if !ok {
			return errors.New("stream with a strange list of storages")
		}
		st := known[key]
		if st == nil {
			return fmt.Errorf("storage %q belongs to no tensor", clip(key))
		}
		if pos > s.end-8 {
			return errShort
		}
		var head [8]byte
		if n, err := s.r.ReadAt(head[:], pos); n < len(head) {
			return short(err)
		}
		count := int64(binary.LittleEndian.Uint64(head[:]))
		size := elementBytes[st.dtype]
		if count != st.count {
			return fmt.Errorf("storage %q has %d elements, its tensors say %d", clip(key), count, st.count)
		}
		if count > (s.end-pos-8)/size {
			return errShort
		}
		s.offset[key], s.counts[key] = pos+8, count
		pos += 8 + count*size
	}
	return nil
}

func (s *stream) check(st *storage) error {
	count, ok := s.counts[st.key]
	if !ok {
		return fmt.Errorf("file has no storage %q", clip(st.key))
	}
	size := elementBytes[st.dtype]
	if count != st.count || s.offset[st.key]+count*size > s.end {
		return fmt.Errorf("storage of %d elements, but the file has %d", st.count, count)
	}
	return nil
}

func (s *stream) read(st *storage) ([]byte, error) {
	if s.bytes != nil && s.last == st.key {
		return s.bytes, nil
	}
	data := make([]byte, st.count*elementBytes[st.dtype])
	if n, err := s.r.ReadAt(data, s.offset[st.key]); n < len(data) {
		return nil, short(err)
	}
	s.last, s.bytes = st.key, data
	return data, nil
}

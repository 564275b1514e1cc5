package checkpoint

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// archive is the zip file of PyTorch 1.6 and later: NAME/data.pkl says what
// there is, NAME/data/KEY holds the bytes of storage KEY, as they are.
type archive struct {
	entries map[string]*zip.File // by the name without the folder
	size    int64                // of the whole file
	last    string               // key of the storage read last
	bytes   []byte               // its bytes: tensors may share one
}

// maxEntries bounds an archive's files: one a storage and a few more.
const maxEntries = maxTensors + 64

func readArchive(r io.ReaderAt, size int64) (*File, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("archive is damaged or cut short: %w", err)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("archive of %d files, more than %d", len(z.File), maxEntries)
	}
	folder, err := folderOf(z)
	if err != nil {
		return nil, err
	}
	a := &archive{entries: map[string]*zip.File{}, size: size}
	for _, e := range z.File {
		name, ok := strings.CutPrefix(e.Name, folder)
		if !ok {
			continue
		}
		if _, twice := a.entries[name]; twice {
			return nil, fmt.Errorf("archive holds %q twice", clip(e.Name))
		}
		a.entries[name] = e
	}
	if e := a.entries["byteorder"]; e != nil {
		order, err := readEntry(e, 16)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(order)) != "little" {
			return nil, errors.New("archive was written on a big-endian machine, which is not read: load it with PyTorch and save it again")
		}
	}
	text, err := openEntry(a.entries["data.pkl"], maxPickle)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	root, _, err := load(newSource(text, maxPickle))
	if err != nil {
		return nil, err
	}
	f := &File{Format: "PyTorch archive", data: a}
	return f, f.collect(root)
}

// folderOf finds the folder that all files of the archive are in.
func folderOf(z *zip.Reader) (string, error) {
	folder, pickles := "", 0
	for _, e := range z.File {
		switch {
		case strings.HasSuffix(e.Name, "/constants.pkl"):
			return "", errors.New("file is a TorchScript program: save the state_dict, torch.save(model.state_dict(), FILE)")
		case strings.HasSuffix(e.Name, "/data.pkl") && strings.Count(e.Name, "/") == 1:
			folder = strings.TrimSuffix(e.Name, "data.pkl")
			pickles++
		}
	}
	if pickles != 1 {
		return "", errors.New("zip archive without the data.pkl of a PyTorch checkpoint")
	}
	return folder, nil
}

// openEntry opens one file of the archive. PyTorch compresses nothing, so no
// entry can hold more than the bytes it takes.
func openEntry(e *zip.File, most uint64) (io.ReadCloser, error) {
	switch {
	case e.Method != zip.Store || e.CompressedSize64 != e.UncompressedSize64:
		return nil, fmt.Errorf("archive: %q is compressed, as PyTorch never does: pack the archive with zip -0", clip(e.Name))
	case e.UncompressedSize64 > most:
		return nil, fmt.Errorf("archive: %q has %d bytes, more than %d", clip(e.Name), e.UncompressedSize64, most)
	}
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("archive: %q: %w", clip(e.Name), err)
	}
	return r, nil
}

func readEntry(e *zip.File, most uint64) ([]byte, error) {
	r, err := openEntry(e, most)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, e.UncompressedSize64)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("archive: %q: %w", clip(e.Name), short(err))
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // compares the checksum
		return nil, fmt.Errorf("archive: %q is damaged: %w", clip(e.Name), err)
	}
	return data, nil
}

func (a *archive) check(s *storage) error {
	e := a.entries["data/"+s.key]
	if e == nil {
		return fmt.Errorf("archive has no data/%s", clip(s.key))
	}
	size := elementBytes[s.dtype]
	have := e.UncompressedSize64
	if have > uint64(a.size) {
		return errShort
	}
	if uint64(s.count) != have/uint64(size) || have%uint64(size) != 0 {
		return fmt.Errorf("storage of %d elements of %d bytes, but %q has %d bytes", s.count, size, clip(e.Name), have)
	}
	return nil
}

func (a *archive) read(s *storage) ([]byte, error) {
	if a.bytes != nil && a.last == s.key {
		return a.bytes, nil
	}
	data, err := readEntry(a.entries["data/"+s.key], uint64(a.size))
	if err != nil {
		return nil, err
	}
	a.last, a.bytes = s.key, data
	return data, nil
}

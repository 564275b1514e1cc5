package modelfile

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
)

// maxPeek bounds the header that PeekKind reads; a classifier's with a thousand
// classes takes a twentieth of a megabyte.
const maxPeek = 16 << 20

// PeekKind tells a model file's kind from its header alone, without reading the
// tensors. It is empty if the file cannot be read or does not say: whoever opens
// the model finds out what is wrong.
func PeekKind(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	var size [8]byte
	if _, err := io.ReadFull(f, size[:]); err != nil {
		return ""
	}
	n := binary.LittleEndian.Uint64(size[:])
	if n > maxPeek {
		return ""
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(f, text); err != nil {
		return ""
	}
	var header struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	var own struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(text, &header) != nil || json.Unmarshal([]byte(header.Metadata[Key]), &own) != nil {
		return ""
	}
	return own.Kind
}

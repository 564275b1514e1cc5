package models

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// A variant is another model's weights under another header: the same network
// at another input size costs the binary a few hundred bytes. Its file,
// NAME.variant.json beside the weights, says whose weights and what of the header
// differs; objects are merged, everything else is replaced.
type variant struct {
	Weights string         `json:"weights"` // name of an embedded model
	Header  map[string]any `json:"header"`
}

// variantExt is the ending of a variant's file.
const variantExt = ".variant.json"

// headerKey is where riffle's own header stands in a safetensors file's metadata.
const headerKey = "riffle"

// findEmbedded returns the embedded model of that name, which List has.
func findEmbedded(name string) (File, error) {
	f := File{Name: name, Embedded: true, path: name + Ext}
	if _, err := fs.Stat(embedded, f.path); err == nil {
		return f, nil
	}
	f.path = name + variantExt
	v, err := readVariant(f.path)
	f.beside = v.Weights + Ext
	return f, err
}

func readVariant(file string) (variant, error) {
	var v variant
	text, err := embedded.ReadFile(file)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("model variant %s: %w", file, err)
	}
	return v, nil
}

// readEmbedded returns an embedded file; of a variant, the safetensors file that
// it stands for.
func readEmbedded(file string) ([]byte, error) {
	if !strings.HasSuffix(file, variantExt) {
		return embedded.ReadFile(file)
	}
	v, err := readVariant(file)
	if err != nil {
		return nil, err
	}
	weights, err := embedded.ReadFile(v.Weights + Ext)
	if err != nil {
		return nil, fmt.Errorf("model variant %s: %w", file, err)
	}
	if weights, err = reheaded(weights, v.Header); err != nil {
		return nil, fmt.Errorf("model variant %s: %w", file, err)
	}
	return weights, nil
}

// reheaded returns a safetensors file with changes merged into riffle's header.
// The layout: eight bytes length, so many bytes JSON, tensors.
func reheaded(file []byte, changes map[string]any) ([]byte, error) {
	n := binary.LittleEndian.Uint64(file)
	rest := file[8:]
	var all map[string]json.RawMessage
	if err := json.Unmarshal(rest[:n], &all); err != nil {
		return nil, err
	}
	var metadata map[string]string
	if err := json.Unmarshal(all["__metadata__"], &metadata); err != nil {
		return nil, err
	}
	header := map[string]any{}
	if err := json.Unmarshal([]byte(metadata[headerKey]), &header); err != nil {
		return nil, err
	}
	merge(header, changes)
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	metadata[headerKey] = string(text)
	if all["__metadata__"], err = json.Marshal(metadata); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(all); err != nil {
		return nil, err
	}
	text = append(text, bytes.Repeat([]byte(" "), -len(text)&7)...) // tensors stay aligned
	out := make([]byte, 0, 8+len(text)+len(rest)-int(n))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(text)))
	out = append(out, text...)
	return append(out, rest[n:]...), nil
}

// merge writes what is in b into a.
func merge(a, b map[string]any) {
	for k, v := range b {
		if inner, ok := v.(map[string]any); ok {
			if old, ok := a[k].(map[string]any); ok {
				merge(old, inner)
				continue
			}
		}
		a[k] = v
	}
}

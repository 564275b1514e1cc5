// Command dump writes what the peers of bench/peers need to run riffle's
// networks: for each, DIR/NAME/weights.safetensors and, for each size,
// DIR/NAME/SIZE/input.bin. It prints a JSON list of what the networks cost.
//
//	dump --out DIR --photo docs/street.jpg shufflenet_v2_x1.0:224,320 riffle-v2-1.5x
//
// Networks of package backbone get random weights, the same ones at every call;
// a trained model keeps its own, and its input is the photo.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/riffle/backbone"
	"example.com/riffle/detector"
	"example.com/riffle/models"
	"example.com/riffle/nn"
	"example.com/riffle/photo"
)

// seed of the random weights and inputs.
const seed = 4

// entry is one line of the list: a network at one size.
type entry struct {
	Network string `json:"network"`
	Size    int    `json:"size"`
	MACs    int64  `json:"macs"`
	Params  int64  `json:"params"`
}

func main() {
	out := flag.String("out", "", "folder to write into")
	photo := flag.String("photo", "docs/street.jpg", "what detectors look at")
	flag.Parse()
	if err := dump(*out, *photo, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "dump:", err)
		os.Exit(1)
	}
}

func dump(out, photo string, networks []string) error {
	if out == "" || len(networks) == 0 {
		return errors.New("want --out DIR and networks as NAME:SIZE,SIZE")
	}
	var list []entry
	for _, n := range networks {
		name, sizes, ok := strings.Cut(n, ":")
		var more []entry
		var err error
		if ok {
			more, err = classifier(filepath.Join(out, name), name, sizes)
		} else {
			more, err = trained(filepath.Join(out, name), name, photo)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		list = append(list, more...)
	}
	return json.NewEncoder(os.Stdout).Encode(list)
}

// classifier writes a network with random weights and one random input a size.
func classifier(dir, name, sizes string) ([]entry, error) {
	g, err := backbone.Build(name, backbone.Options{})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := writeWeights(filepath.Join(dir, "weights.safetensors"), g, nn.RandomWeights(g, seed)); err != nil {
		return nil, err
	}
	var list []entry
	for s := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("size %q is not a number", s)
		}
		macs, err := g.MACs(size, size)
		if err != nil {
			return nil, err
		}
		rng := rand.New(rand.NewPCG(seed, uint64(size)))
		input := make([]float32, 3*size*size)
		for i := range input {
			input[i] = float32(rng.NormFloat64())
		}
		if err := writeFloats(filepath.Join(dir, s, "input.bin"), input); err != nil {
			return nil, err
		}
		list = append(list, entry{name, size, macs, g.ParamCount()})
	}
	return list, nil
}

// trained copies a model's file and samples the photo into its input.
func trained(dir, name, picture string) ([]entry, error) {
	file, err := models.Open(name)
	if err != nil {
		return nil, err
	}
	w, err := nn.ReadWeights(file.Data)
	if err != nil {
		return nil, err
	}
	h, err := detector.ReadHeader(w)
	if err != nil {
		return nil, err
	}
	d, err := detector.New(file.Data, detector.Options{Workers: 1})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "weights.safetensors"), file.Data, 0o644); err != nil {
		return nil, err
	}
	info := d.Info()
	if info.Width != info.Height {
		return nil, errors.New("only square inputs are known here")
	}
	data, err := os.ReadFile(picture)
	if err != nil {
		return nil, err
	}
	decoded, err := photo.Decode(data, photo.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", picture, err)
	}
	pre, err := photo.NewPreprocessor(info.Width, info.Height, [3]float32(h.Mean), [3]float32(h.Std))
	if err != nil {
		return nil, err
	}
	n := info.Width * info.Height
	input := make([]float32, 3*n)
	if err := pre.Fill([][]float32{input[:n], input[n : 2*n], input[2*n:]}, decoded); err != nil {
		return nil, err
	}
	if err := writeFloats(filepath.Join(dir, strconv.Itoa(info.Width), "input.bin"), input); err != nil {
		return nil, err
	}
	return []entry{{name, info.Width, info.MACs, info.Params}}, nil
}

// writeWeights writes the tensors that g reads as a safetensors file.
func writeWeights(path string, g *nn.Graph, w *nn.Weights) error {
	type tensor struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header := map[string]tensor{}
	var body []byte
	for _, p := range g.Params() {
		start := len(body)
		for _, v := range w.Tensors[p.Name].Data {
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
		}
		header[p.Name] = tensor{"F32", p.Shape, [2]int{start, len(body)}}
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	return os.WriteFile(path, slices.Concat(file, text, body), 0o644)
}

func writeFloats(path string, v []float32) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return os.WriteFile(path, data, 0o644)
}

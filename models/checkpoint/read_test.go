package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

type expected struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

func readState(t *testing.T) map[string]expected {
	t.Helper()
	text, err := os.ReadFile("testdata/state.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]expected
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(data []byte) (*File, error) { return Read(bytes.NewReader(data), int64(len(data))) }

// TestEveryForm reads one state_dict in all forms and expects what PyTorch says
// is in it: all types of elements, views that are turned, shared or begin in the
// middle of their storage, scalars and empty tensors.
func TestEveryForm(t *testing.T) {
	want := readState(t)
	for name, format := range map[string]string{
		"zip.pth": "PyTorch archive", "zip_protocol5.pth": "PyTorch archive",
		"stream.pth": "PyTorch stream", "plain.safetensors": "safetensors",
	} {
		f, err := read(file(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Format != format || f.Inside != "" {
			t.Errorf("%s: format %q inside %q", name, f.Format, f.Inside)
		}
		names := 0
		for tensor, e := range want {
			if format == "safetensors" && (tensor == "short" || tensor == "flag") {
				continue
			}
			names++
			got, err := f.Tensor(tensor)
			if err != nil {
				t.Errorf("%s: %s: %v", name, tensor, err)
				continue
			}
			if !slices.Equal(got.Shape, e.Shape) || !slices.Equal(f.Shapes()[tensor], e.Shape) {
				t.Errorf("%s: %s: shape %v, want %v", name, tensor, got.Shape, e.Shape)
			}
			if len(got.Data) != len(e.Data) {
				t.Fatalf("%s: %s: %d elements, want %d", name, tensor, len(got.Data), len(e.Data))
			}
			for i, v := range e.Data {
				if got.Data[i] != float32(v) {
					t.Errorf("%s: %s[%d] = %v, want %v", name, tensor, i, got.Data[i], v)
					break
				}
			}
		}
		if got := len(f.Names()); got != names {
			t.Errorf("%s: %d tensors, want %d", name, got, names)
		}
		if _, err := f.Tensor("nothing"); err == nil {
			t.Errorf("%s: a tensor that is not there", name)
		}
	}
}

// TestTrainingCheckpoint finds the state_dict where training scripts leave it.
func TestTrainingCheckpoint(t *testing.T) {
	want := []string{"0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"}
	for _, name := range []string{"training.pth", "training_stream.pth"} {
		f, err := read(file(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Inside != "model" || !slices.Equal(f.Names(), want) {
			t.Errorf("%s: inside %q %v", name, f.Inside, f.Names())
		}
	}
	f, err := read(file(t, "parameters.pth"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := f.Tensor("0.weight")
	if err != nil || !slices.Equal(w.Shape, []int{3, 2, 1, 1}) {
		t.Errorf("parameter of shape %v: %v", w.Shape, err)
	}
}

// Whatever stands beside the state_dict, and whatever wraps the network, the names
// are the network's own.
func TestBareNames(t *testing.T) {
	t.Parallel()
	want := []string{"0.bias", "0.weight", "1.bias", "1.num_batches_tracked", "1.running_mean", "1.running_var", "1.weight"}
	for _, file := range []string{"beside.pth", "beside_stream.pth", "averaged.pth", "training.pth"} {
		f, closer, err := Open(filepath.Join("testdata", file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		closer.Close()
		if got := f.Names(); !slices.Equal(got, want) {
			t.Errorf("%s: %v", file, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"../../../testdata/evil.pth", "wants to call posix.system, which no state_dict needs: refused"},
		{"evil_stream.pth", "wants to call posix.system"},
		{"module.pth", "holds a torch.nn.modules.container.Sequential, not only weights: save the state_dict"},
		{"number.pth", "holds no state_dict"},
		{"expanded.pth", "shape [1048576] that does not fit its storage of 1 elements"},
		{"sparse.pth", "kind of tensor that is not read (torch._utils._rebuild_sparse_tensor)"},
		{"script.pt", "TorchScript program"},
		{"other.pkl", "a pickle, but not one of torch.save"},
	} {
		_, err := read(file(t, c.name))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ... %s", c.name, err, c.want)
		}
	}
	for _, c := range []struct{ data, want string }{
		{"", "empty"},
		{"<!DOCTYPE html>", "web page"},
		{"\x1f\x8b\x08", "gzip"},
		{"\x89HDF\r\n", "HDF5"},
		{"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
		{strings.Repeat("\x00", 257) + "ustar" + strings.Repeat("\x00", 300), "before 0.1.10"},
		{"hello", "not a checkpoint"},
	} {
		if _, err := read([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want ... %s", c.data, err, c.want)
		}
	}
}

// TestCutShort cuts the files at every length: all are errors, none panics.
func TestCutShort(t *testing.T) {
	for _, name := range []string{"zip.pth", "stream.pth", "plain.safetensors"} {
		data := file(t, name)
		for n := range data {
			f, err := read(data[:n])
			if err == nil {
				t.Fatalf("%s cut to %d of %d bytes is read: %v", name, n, len(data), f.Names())
			}
		}
	}
}

// edit packs an archive again, with one entry changed.
func edit(t *testing.T, data []byte, change func(h *zip.FileHeader, body []byte) []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, e := range r.File {
		body, err := readEntry(e, maxFile)
		if err != nil {
			t.Fatal(err)
		}
		h := zip.FileHeader{Name: e.Name, Method: zip.Store}
		if body = change(&h, body); body == nil {
			continue
		}
		into, err := w.CreateHeader(&h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := into.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestLyingArchives changes one thing of a good archive at a time.
func TestLyingArchives(t *testing.T) {
	good := file(t, "zip.pth")
	same := func(_ *zip.FileHeader, body []byte) []byte { return body }
	if _, err := read(edit(t, good, same)); err != nil {
		t.Fatalf("packed again: %v", err)
	}
	at := func(name string, f func(h *zip.FileHeader, body []byte) []byte) []byte {
		return edit(t, good, func(h *zip.FileHeader, body []byte) []byte {
			if strings.HasSuffix(h.Name, name) {
				return f(h, body)
			}
			return body
		})
	}
	swap := func(old, new string) []byte {
		return at("data.pkl", func(_ *zip.FileHeader, body []byte) []byte {
			if !bytes.Contains(body, []byte(old)) {
				t.Fatalf("data.pkl holds no %q", old)
			}
			return bytes.Replace(body, []byte(old), []byte(new), 1)
		})
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"compressed": {at("data/0", func(h *zip.FileHeader, body []byte) []byte {
			h.Method = zip.Deflate
			return body
		}), "storage"},
		"bomb": {at("data.pkl", func(h *zip.FileHeader, _ []byte) []byte {
			h.Method = zip.Deflate
			return make([]byte, 8<<20)
		}), "is compressed, as PyTorch never does"},
		"storage gone":       {at("data/0", func(*zip.FileHeader, []byte) []byte { return nil }), "archive has no data/0"},
		"storage too short":  {at("data/0", func(_ *zip.FileHeader, b []byte) []byte { return b[4:] }), "storage of 108 elements of 4 bytes"},
		"big-endian":         {at("byteorder", func(*zip.FileHeader, []byte) []byte { return []byte("big") }), "big-endian"},
		"more elements":      {swap("K\x6c", "K\x6d"), "storage of 109 elements"},
		"another type":       {swap("FloatStorage", "LongStorage "), "holds a torch.LongStorage "},
		"other function":     {swap("_rebuild_tensor_v2", "_rebuild_tensor_v9"), "kind of tensor that is not read"},
		"no pickle":          {at("data.pkl", func(*zip.FileHeader, []byte) []byte { return nil }), "without the data.pkl"},
		"two pickles":        {edit(t, good, func(h *zip.FileHeader, b []byte) []byte { h.Name = "x/data.pkl"; return b }), "without the data.pkl"},
		"number out of memo": {swap("q\x01", "h\x77"), "never kept"},
	} {
		f, err := read(c.data)
		if name == "compressed" && err == nil { // seen when it is read
			_, err = f.Tensor("conv.weight")
			c.want = "is compressed"
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ... %s", name, err, c.want)
		}
	}
	damaged := bytes.Clone(good)
	i := bytes.Index(damaged, []byte("data/0"))
	damaged[i+100] ^= 1
	f, err := read(damaged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor("conv.weight"); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("damaged storage: %v", err)
	}
}

// pickled is a stream of torch.save around an object's pickle, without storages.
func pickled(object string) []byte {
	return []byte("\x80\x02\x8a\x0a" + string(streamMagic) + ".\x80\x02M\xe9\x03.\x80\x02}." + object + "\x80\x02].")
}

// TestPickleMachine runs pickles that no one would write by accident.
func TestPickleMachine(t *testing.T) {
	for name, c := range map[string]struct{ object, want string }{
		"nothing on the stack":   {"\x80\x02.", errStack.Error()},
		"pops a mark":            {"\x80\x02((a.", errStack.Error()},
		"no mark":                {"\x80\x02]e.", errStack.Error()},
		"key without value":      {"\x80\x02}(K\x01u.", "key without a value"},
		"items of a number":      {"\x80\x02K\x01K\x02a.", "what has none"},
		"calls a number":         {"\x80\x02K\x01)R.", "not a function"},
		"calls a text":           {"\x80\x02X\x01\x00\x00\x00a)R.", "not a function"},
		"name off the stack":     {"\x80\x04\x8c\x02os\x8c\x06system\x93.", "wants to call os.system"},
		"name made of numbers":   {"\x80\x04K\x01K\x02\x93.", "not a name"},
		"extension registry":     {"\x80\x02\x82\x01.", "opcode 0x82"},
		"old instance":           {"\x80\x02(ios\nsystem\n.", "opcode 0x69"},
		"text beyond the end":    {"\x80\x02X\xff\xff\xff\xffa.", "cut short"},
		"text of 2^63 bytes":     {"\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x80a.", "cut short"},
		"protocol 9":             {"\x80\x09.", "protocol 9"},
		"dict inside itself":     {"\x80\x02}q\x00X\x05\x00\x00\x00modelh\x00s.", "holds no tensors"},
		"storage is no tuple":    {"\x80\x02K\x01Q.", "storage of a strange form"},
		"tensor without storage": {"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00)))tR.", "tensor of a strange form"},
		"parameter of nothing":   {"\x80\x02ctorch._utils\n_rebuild_parameter\n)R.", "parameter without a tensor"},
		"line without end":       {"\x80\x02c" + strings.Repeat("a", 2000) + "\nb\n.", "no end"},
	} {
		_, err := read(pickled(c.object))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ... %s", name, err, c.want)
		}
	}
	// Tuples of tuples of tuples, 2^60 in all, cost what their bytes say.
	bomb := "\x80\x02)" + strings.Repeat("2\x86", 60) + "."
	if _, err := read(pickled(bomb)); err == nil || !strings.Contains(err.Error(), "holds no state_dict") {
		t.Errorf("nested tuples: %v", err)
	}
}

// TestLong holds that numbers of any length are read as Python wrote them.
func TestLong(t *testing.T) {
	for in, want := range map[string]any{
		"": int64(0), "\xff": int64(-1), "\x80\x00": int64(128), "\x00\x80": int64(math.MinInt16),
		"\xff\xff\xff\xff\xff\xff\xff\x7f": int64(math.MaxInt64), "123456789": rawBytes("123456789"),
	} {
		if got := long([]byte(in)); got != want {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}

func TestOpen(t *testing.T) {
	f, closer, err := Open("testdata/zip.pth")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Tensor("double"); err != nil {
		t.Error(err)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"testdata", "testdata/none.pth"} {
		if _, _, err := Open(path); err == nil {
			t.Errorf("%s opens", path)
		}
	}
}

// FuzzRead expects an error or tensors that can be read, never a panic, and no
// tensor that is larger than the file.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/*.p*")
	if err != nil || len(names) < 10 {
		f.Fatal(names, err)
	}
	for _, name := range names {
		f.Add(file(f, filepath.Base(name)))
	}
	f.Add(pickled("\x80\x02)2\x86."))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := read(data)
		if err != nil {
			return
		}
		for _, name := range c.Names() {
			x, err := c.Tensor(name)
			if err == nil && len(x.Data) > len(data) {
				t.Errorf("tensor of %d elements in a file of %d bytes", len(x.Data), len(data))
			}
		}
	})
}

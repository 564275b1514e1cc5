package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/png"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/riffle/internal/parity"
	"example.com/riffle/models/modelfile"
	"example.com/riffle/nn"
)

// torchvisionModel is what training/vectors/torchvision_models.py says of one.
type torchvisionModel struct {
	Shapes     map[string][]int `json:"shapes"`
	Detections []struct {
		Label int        `json:"label"`
		Score float64    `json:"score"`
		Box   [4]float64 `json:"box"`
	} `json:"detections"`
}

func readTorchvision(t *testing.T, name string) torchvisionModel {
	t.Helper()
	text, err := os.ReadFile("testdata/torchvision_" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var m torchvisionModel
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// checkpointOf writes random weights under torchvision's names, as safetensors.
// change may spoil them.
func checkpointOf(t *testing.T, shapes map[string][]int, path string, change func(map[string]nn.Tensor)) {
	t.Helper()
	w := &nn.Weights{Tensors: map[string]nn.Tensor{}}
	for name, shape := range shapes {
		w.Tensors[name] = parity.Tensor(name, shape)
	}
	if change != nil {
		change(w.Tensors)
	}
	data, err := nn.EncodeWeights(w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func putPicture(t *testing.T, path string) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, parity.Picture(410, 300)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSSDLiteAgainstTorchvision goes the whole way of a stranger: a checkpoint
// with torchvision's names is imported, a picture is looked at, and boxes and
// scores are torchvision's to 0.01 pixels and 1e-4.
func TestSSDLiteAgainstTorchvision(t *testing.T) {
	for name, classes := range map[string]string{
		"ssdlite320_mobilenet_v3_large": "", "ssdlite320_shufflenet_v2_x1.0": "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t",
	} {
		t.Run(name, func(t *testing.T) {
			want := readTorchvision(t, name)
			dir := t.TempDir()
			from, to, photo := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "to.safetensors"), filepath.Join(dir, "p.png")
			checkpointOf(t, want.Shapes, from, nil)
			putPicture(t, photo)
			args := []string{"models", "import", from, "--out", to}
			if classes != "" {
				args = append(args, "--classes", classes)
			}
			if r := command(t, args...); r.code != 0 || !strings.Contains(r.out, "riffle detect PHOTO --model "+to) {
				t.Fatalf("code %d, %s%s", r.code, r.out, r.err)
			}
			r := command(t, "detect", photo, "--model", to, "--threshold", "0", "--max-detections", "400", "--json")
			var got photoResult
			if err := json.Unmarshal([]byte(r.out), &got); err != nil {
				t.Fatalf("%v: %s", err, r.err)
			}
			compareDetections(t, got.Detections, want, classes == "", 0.01, 1e-4)
		})
	}
}

// TestFasterRCNNAgainstTorchvision does the same, by torchvision's names of today
// and of before 0.13, and says which files are none of riffle's.
func TestFasterRCNNAgainstTorchvision(t *testing.T) {
	old := strings.NewReplacer("rpn.head.conv.0.0.", "rpn.head.conv.", "_blocks.0.0.", "_blocks.0.", "_blocks.1.0.", "_blocks.1.")
	for name, outputs := range map[string]int{"fasterrcnn_mobilenet_v3_large_320_fpn": 91, "fasterrcnn_shufflenet_v2_x1.0_320_fpn": 21} {
		t.Run(name, func(t *testing.T) {
			want := readTorchvision(t, name)
			dir := t.TempDir()
			from, to, photo := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "to.safetensors"), filepath.Join(dir, "p.png")
			checkpointOf(t, want.Shapes, from, func(all map[string]nn.Tensor) {
				if outputs == modelfile.COCOOutputs { // as the public checkpoint
					for name, x := range maps.Clone(all) {
						delete(all, name)
						all[old.Replace(name)] = x
					}
				}
			})
			putPicture(t, photo)
			classes := make([]string, outputs-1)
			for i := range classes {
				classes[i] = fmt.Sprint("class ", i+1)
			}
			command(t, "models", "import", from, "--out", to, "--classes", strings.Join(classes, ",")).
				wantError(t, 2, "and "+name+": say which with --arch")
			r := command(t, "models", "import", from, "--out", to, "--classes", strings.Join(classes, ","), "--arch", name)
			if r.code != 0 || !strings.Contains(r.out, "riffle detect PHOTO --model "+to) {
				t.Fatalf("code %d, %s%s", r.code, r.out, r.err)
			}
			r = command(t, "detect", photo, "--model", to, "--threshold", "0", "--max-detections", "400", "--json")
			var got photoResult
			if err := json.Unmarshal([]byte(r.out), &got); err != nil {
				t.Fatalf("%v: %s", err, r.err)
			}
			compareDetections(t, got.Detections, want, false, 0.5, 1e-3)
		})
	}
}

func TestImportNamesWhatIsNotSupported(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from.safetensors")
	for _, c := range []struct {
		shapes map[string][]int
		arch   string
		code   int
		want   string
	}{
		{map[string][]int{"backbone.body.layer4.0.conv1.weight": {4, 4, 1, 1}}, "", 1, "fits no architecture: it has a ResNet as its backbone"},
		{map[string][]int{"backbone.body.layer4.0.conv1.weight": {4, 4, 1, 1}}, "fasterrcnn_mobilenet_v3_large_fpn", 1, "it has a ResNet as its backbone"},
		{map[string][]int{"backbone.body.layer4.0.conv1.weight": {4, 4, 1, 1}}, "fasterrcnn_resnet50_fpn", 2, `a Faster R-CNN on "resnet50" is not supported`},
		{map[string][]int{"roi_heads.mask_head.mask_fcn1.weight": {4, 4, 3, 3}}, "", 1, "it has a mask head"},
		{map[string][]int{"rpn.head.cls_logits.bias": {7}}, "fasterrcnn_mobilenet_v3_large_fpn", 2, "the checkpoint has 7 anchors a cell"},
	} {
		checkpointOf(t, c.shapes, from, nil)
		args := []string{"models", "import", from, "--out", from + ".out"}
		if c.arch != "" {
			args = append(args, "--arch", c.arch)
		}
		command(t, args...).wantError(t, c.code, c.want)
	}
}

// compareDetections wants every detection of torchvision, but for COCO's numbers
// without a name, to so many pixels and so much of a score. At the cut, near ties
// may go either way.
func compareDetections(t *testing.T, got []object, want torchvisionModel, coco bool, pixels, score float64) {
	t.Helper()
	unused := map[int]bool{12: true, 26: true, 29: true, 30: true, 45: true, 66: true, 68: true, 69: true, 71: true, 83: true}
	last := want.Detections[len(want.Detections)-1].Score
	taken := make([]bool, len(got))
	compared := 0
	for _, w := range want.Detections {
		if coco && unused[w.Label] || w.Score < last+score {
			continue
		}
		compared++
		i := slices.IndexFunc(got, func(g object) bool {
			for k := range g.Box {
				if !(math.Abs(float64(g.Box[k])-w.Box[k]) <= pixels) {
					return false
				}
			}
			return g.CategoryID == w.Label && math.Abs(float64(g.Score)-w.Score) <= score
		})
		if i < 0 || taken[i] {
			t.Errorf("no detection of class %d with score %.5f at %.2f", w.Label, w.Score, w.Box)
			continue
		}
		taken[i] = true
	}
	if compared < 50 {
		t.Errorf("only %d detections were compared", compared)
	}
	for i, g := range got {
		if !taken[i] && float64(g.Score) > last+score {
			t.Errorf("torchvision lacks class %d with score %.5f at %.2f", g.CategoryID, g.Score, g.Box)
		}
	}
}

func TestImportNamesWhatDoesNotFit(t *testing.T) {
	want := readTorchvision(t, "ssdlite320_mobilenet_v3_large")
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "to.safetensors")
	checkpointOf(t, want.Shapes, from, func(all map[string]nn.Tensor) {
		all["backbone.features.0.13.0.wieght"] = all["backbone.features.0.13.0.weight"]
		delete(all, "backbone.features.0.13.0.weight")
		all["backbone.extra.1.0.0.weight"] = parity.Tensor("x", []int{128, 511, 1, 1})
		all["backbone.extra.1.0.1.num_batches_tracked"] = parity.Tensor("n", []int{})
	})
	r := command(t, "models", "import", from, "--arch", "ssdlite320_mobilenet_v3_large", "--out", to)
	if r.code != 1 || r.out != "" {
		t.Errorf("code %d, stdout %s", r.code, r.out)
	}
	for _, line := range []string{
		"does not fit ssdlite320_mobilenet_v3_large: 1 tensor missing, 1 tensor unexpected, 1 tensor of the wrong shape",
		`tensor "backbone.features.0.13.0.weight" is missing, the checkpoint has "backbone.features.0.13.0.wieght"`,
		`tensor "backbone.features.0.13.0.wieght" is unexpected, the network wants "backbone.features.0.13.0.weight"`,
		`tensor "backbone.extra.1.0.0.weight" has shape [128 511 1 1], the network wants [128 512 1 1]`,
	} {
		if !strings.Contains(r.err, line) {
			t.Errorf("stderr lacks %q:\n%s", line, r.err)
		}
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a model was written all the same")
	}
	command(t, "models", "import", from).wantError(t, 1, "fits no architecture entirely")
	checkpointOf(t, want.Shapes, from, nil)
	command(t, "models", "import", from, "--arch", "ssdlite320_shufflenet_v2_x1.0").
		wantError(t, 1, "it fits --arch ssdlite320_mobilenet_v3_large")
	command(t, "models", "import", from, "--arch", "ssdlite320_mobilnet_v3_large").
		wantError(t, 2, `did you mean "ssdlite320_mobilenet_v3_large"?`)
	command(t, "models", "import", from, "--arch", "ssdlite320_mobilenet_v3_large").
		wantError(t, 2, "would overwrite the checkpoint")
	command(t, "models", "import", from, "--out", to, "--classes", "cat,dog", "--arch", "ssdlite320_mobilenet_v3_large").
		wantError(t, 2, "--classes names 2, the checkpoint tells 90 apart besides the background")
	command(t, "models", "import", filepath.Join(dir, "none.pth")).wantError(t, 1, "none.pth: no such file or directory")
	command(t, "models", "import", "../../testdata/evil.pth", "--out", to).
		wantError(t, 1, "evil.pth: wants to call posix.system, which no state_dict needs: refused")
}

// Weights that training has ruined are refused, and a checkpoint that is taken for
// a model is told from one.
func TestImportRefusesRuinedWeights(t *testing.T) {
	want := readTorchvision(t, "ssdlite320_mobilenet_v3_large")
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "to.safetensors")
	checkpointOf(t, want.Shapes, from, func(all map[string]nn.Tensor) {
		all["backbone.extra.1.0.0.weight"].Data[7] = float32(math.NaN())
	})
	command(t, "models", "import", from, "--arch", "ssdlite320_mobilenet_v3_large", "--out", to).
		wantError(t, 1, `tensor "backbone.extra.1.0.0.weight": element 7 is NaN`)
	if _, err := os.Stat(to); err == nil {
		t.Error("a model was written all the same")
	}
	for _, file := range []string{"zip.pth", "stream.pth"} {
		command(t, "detect", "../../docs/street.jpg", "--model", "../../models/checkpoint/testdata/"+file).
			wantError(t, 1, file+" is a PyTorch checkpoint: riffle models import makes a model of it")
	}
}

// TestImportWritesWhatItRead holds the file's tensors, in float32 and float16.
func TestImportWritesWhatItRead(t *testing.T) {
	want := readTorchvision(t, "ssdlite320_shufflenet_v2_x1.0")
	dir := t.TempDir()
	from, names := filepath.Join(dir, "from.safetensors"), filepath.Join(dir, "names.txt")
	checkpointOf(t, want.Shapes, from, nil)
	var lines strings.Builder
	for i := range 20 {
		lines.WriteString("thing " + string(rune('a'+i)) + "\n")
	}
	if err := os.WriteFile(names, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	sizes := map[bool]int64{}
	for _, half := range []bool{false, true} {
		to := filepath.Join(dir, "to.safetensors")
		args := []string{"models", "import", from, "--out", to, "--classes", names, "--name", "mine", "--licence", "BSD"}
		if half {
			args = append(args, "--half")
		}
		if r := command(t, args...); r.code != 0 {
			t.Fatal(r.err)
		}
		w, err := nn.ReadWeightsFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if header := w.Metadata["riffle"]; !strings.Contains(header, `"name":"mine"`) || !strings.Contains(header, `{"id":20,"name":"thing t"}`) || !strings.Contains(header, `"licence":"BSD"`) {
			t.Errorf("header %s", header)
		}
		for _, name := range slices.Sorted(maps.Keys(want.Shapes)) {
			x, y := w.Tensors[name], parity.Tensor(name, want.Shapes[name])
			tolerance := 0.0
			if half && len(y.Shape) > 1 {
				tolerance = 1.0 / 2048
			}
			for i, v := range y.Data {
				if math.Abs(float64(x.Data[i]-v)) > tolerance*math.Abs(float64(v))+tolerance*1e-4 {
					t.Fatalf("half %v: %s[%d] is %v, want %v", half, name, i, x.Data[i], v)
				}
			}
		}
		st, err := os.Stat(to)
		if err != nil {
			t.Fatal(err)
		}
		sizes[half] = st.Size()
	}
	if r := float64(sizes[true]) / float64(sizes[false]); r > 0.55 {
		t.Errorf("float16 is %.2f of float32", r)
	}
}

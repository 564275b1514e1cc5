package detector

import (
	"strings"
	"testing"

	"example.com/riffle/backbone"
	"example.com/riffle/internal/parity"
	"example.com/riffle/nn"
)

// smallNet is the backbone of training/vectors/detector_faster_rcnn.py.
var smallNet = backbone.ShuffleNetV2{Repeats: [3]int{1, 2, 1}, Stem: 8, Channels: [3]int{16, 24, 32}}

// fasterConfigs are the networks of the vectors "faster_rcnn_" + name.
func fasterConfigs() map[string]FasterRCNNConfig {
	proposals := DefaultProposalRules
	proposals.PreNMS, proposals.PostNMS = 60, 40
	head := DefaultHeadRules
	head.Max = 50
	ratios := []float32{0.5, 1, 2}
	common := FasterRCNNConfig{
		Network: smallNet, Classes: 5, Hidden: 16, Proposals: proposals, Head: head, Height: 96, Width: 128,
	}
	single, pyramid := common, common
	single.Backbone.Prefix = "backbone."
	single.Bins = 4
	single.Anchors = AnchorGenerator{Sizes: [][]float32{{16, 48}}, Ratios: [][]float32{ratios}}
	pyramid.Backbone.Prefix = "backbone.body."
	pyramid.FPN = 8
	pyramid.Anchors = AnchorGenerator{
		Sizes:  [][]float32{{8}, {24}, {48}, {80}},
		Ratios: [][]float32{ratios, ratios, ratios, ratios},
	}
	return map[string]FasterRCNNConfig{"single": single, "pyramid": pyramid}
}

func TestFasterRCNNMatchesTorchvision(t *testing.T) {
	for name, c := range fasterConfigs() {
		t.Run(name, func(t *testing.T) {
			w := parity.Vectors(t, "testdata/faster_rcnn_"+name+".safetensors")
			f, err := NewFasterRCNN(w, c)
			if err != nil {
				t.Fatal(err)
			}
			// A clone has memory of its own: running it first must not matter.
			clone := f.Clone()
			if _, err := clone.Detect(); err != nil {
				t.Fatal(err)
			}
			for _, net := range []*FasterRCNN{f, clone} {
				for c, plane := range planesOf(parity.Stored(t, w, "test.pixels").Data, 3) {
					for i, v := range plane {
						net.Input()[c][i] = v/64 - 2
					}
				}
				found, err := net.Detect()
				if err != nil {
					t.Fatal(err)
				}
				checkFound(t, found, boxesOf(t, parity.Stored(t, w, "test.boxes")), parity.Stored(t, w, "test.scores").Data, intsOf(parity.Stored(t, w, "test.labels")))
			}
		})
	}
}

func TestFasterRCNNRefusesWhatCannotBe(t *testing.T) {
	w := parity.Vectors(t, "testdata/faster_rcnn_pyramid.safetensors")
	for want, change := range map[string]func(c *FasterRCNNConfig){
		"no network":                 func(c *FasterRCNNConfig) { c.Network = nil },
		"multiples of 32":            func(c *FasterRCNNConfig) { c.Width = 100 },
		"anchors of 1 levels":        func(c *FasterRCNNConfig) { c.Anchors.Sizes = c.Anchors.Sizes[:1] },
		"same number":                func(c *FasterRCNNConfig) { c.Anchors.Ratios = [][]float32{{1}, {1}, {1}, {1, 2}} },
		"1 classes":                  func(c *FasterRCNNConfig) { c.Classes = 1 },
		"box_head.fc6":               func(c *FasterRCNNConfig) { c.Hidden = 25 },
		"backbone.fpn":               func(c *FasterRCNNConfig) { c.FPN = 12 },
		"fpn -1":                     func(c *FasterRCNNConfig) { c.FPN = -1 },
		"no proposals":               func(c *FasterRCNNConfig) { c.Proposals.PostNMS = -1 },
		"backbone.conv1.0.weight":    func(c *FasterRCNNConfig) { c.Backbone = backbone.Options{Prefix: "backbone."} },
		"backbone.body.conv1.0.bias": func(c *FasterRCNNConfig) { c.Backbone.NoBatchNorm = true },
		"rpn.head.cls_logits.weight": func(c *FasterRCNNConfig) { c.Anchors.Ratios = [][]float32{{1}, {1}, {1}, {1}} },
		"box_predictor.cls_score":    func(c *FasterRCNNConfig) { c.Classes = 6 },
	} {
		c := fasterConfigs()["pyramid"]
		change(&c)
		if _, err := NewFasterRCNN(w, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if _, err := NewFasterRCNN(&nn.Weights{}, fasterConfigs()["single"]); err == nil {
		t.Error("no error without weights")
	}
}

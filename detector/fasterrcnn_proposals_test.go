package detector

import (
	"fmt"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestProposalsMatchTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	var boxes [][]Box
	var logits [][]float32
	for level := range 3 {
		boxes = append(boxes, boxesOf(t, parity.Stored(t, w, fmt.Sprintf("proposals.%d.decoded", level))))
		logits = append(logits, parity.Stored(t, w, fmt.Sprintf("proposals.%d.logits", level)).Data)
	}
	for name, rules := range map[string]ProposalRules{
		"plain":  {PreNMS: 50, PostNMS: 40, IoU: 0.7, MinSize: 1e-3},
		"strict": {PreNMS: 50, PostNMS: 200, IoU: 0.7, MinSize: 6, MinScore: 0.4},
	} {
		p := FilterProposals(boxes, logits, 90, 70, rules)
		nearBoxes(t, name, p.Boxes, boxesOf(t, parity.Stored(t, w, "proposals."+name+".boxes")), 0.01)
		parity.Near(t, name+" scores", p.Scores, parity.Stored(t, w, "proposals."+name+".scores").Data, 1e-4)
	}
}

package detector

import (
	"fmt"
	"testing"

	"example.com/riffle/internal/parity"
)

func TestProposalsMatchTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	var levels []anchorLevel
	for level := range 3 {
		// One anchor a cell, which is decoded already.
		boxes := boxesOf(t, parity.Stored(t, w, fmt.Sprintf("proposals.%d.decoded", level)))
		logits := parity.Stored(t, w, fmt.Sprintf("proposals.%d.logits", level)).Data
		levels = append(levels, anchorLevel{[][]float32{logits}, parity.Planes(4, len(boxes)), boxes})
	}
	for name, f := range map[string]FasterRCNNHeader{
		"plain":     {PreNMS: 50, Proposals: 40, ProposalNMS: 0.7},
		"confident": {PreNMS: 50, Proposals: 200, ProposalNMS: 0.7, Objectness: 0.4},
	} {
		var p regionProposer
		for range 2 { // the second call must not see leftovers of the first
			p.propose(levels, 90, 70, &f)
		}
		nearBoxes(t, name, p.boxes, boxesOf(t, parity.Stored(t, w, "proposals."+name+".boxes")), 0.01)
	}
}

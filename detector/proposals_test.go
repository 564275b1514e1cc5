package detector

import (
	"fmt"
	"testing"
)

func TestProposalsMatchTorchvision(t *testing.T) {
	w := vectors(t, "ops")
	var boxes [][]Box
	var logits [][]float32
	for level := range 3 {
		boxes = append(boxes, boxesOf(t, tensor(t, w, fmt.Sprintf("proposals.%d.decoded", level))))
		logits = append(logits, tensor(t, w, fmt.Sprintf("proposals.%d.logits", level)).Data)
	}
	for name, rules := range map[string]ProposalRules{
		"plain":  {PreNMS: 50, PostNMS: 40, IoU: 0.7, MinSize: 1e-3},
		"strict": {PreNMS: 50, PostNMS: 200, IoU: 0.7, MinSize: 6, MinScore: 0.4},
	} {
		p := FilterProposals(boxes, logits, 90, 70, rules)
		nearBoxes(t, name, p.Boxes, boxesOf(t, tensor(t, w, "proposals."+name+".boxes")), 0.01)
		near(t, name+" scores", p.Scores, tensor(t, w, "proposals."+name+".scores").Data, 1e-4)
	}
}

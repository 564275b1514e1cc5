package detector

import (
	"testing"

	"example.com/riffle/internal/parity"
)

func TestBoxCoderMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	ref := boxesOf(t, parity.Stored(t, w, "coder.ref"))
	deltas := parity.Stored(t, w, "coder.deltas").Data
	for name, c := range map[string]BoxCoder{"rpn": RPNCoder, "head": HeadCoder} {
		var decoded []Box
		for i, r := range ref {
			decoded = append(decoded, c.Decode(r, [4]float32(deltas[4*i:])))
		}
		nearBoxes(t, name+" decode", decoded, boxesOf(t, parity.Stored(t, w, "coder."+name+".decoded")), 0.01)
	}
}

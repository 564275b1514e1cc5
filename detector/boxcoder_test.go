package detector

import (
	"testing"

	"example.com/riffle/internal/parity"
)

func TestBoxCoderMatchesTorchvision(t *testing.T) {
	w := parity.Vectors(t, "testdata/ops.safetensors")
	ref, moved := boxesOf(t, parity.Stored(t, w, "coder.ref")), boxesOf(t, parity.Stored(t, w, "coder.moved"))
	deltas := parity.Stored(t, w, "coder.deltas").Data
	for name, c := range map[string]BoxCoder{"rpn": RPNCoder, "head": HeadCoder} {
		var decoded []Box
		var encoded []float32
		for i, r := range ref {
			decoded = append(decoded, c.Decode(r, [4]float32(deltas[4*i:])))
			e := c.Encode(r, moved[i])
			encoded = append(encoded, e[:]...)
		}
		nearBoxes(t, name+" decode", decoded, boxesOf(t, parity.Stored(t, w, "coder."+name+".decoded")), 0.01)
		parity.Near(t, name+" encode", encoded, parity.Stored(t, w, "coder."+name+".encoded").Data, 1e-4)
	}
}

func TestBoxCoderRoundTrip(t *testing.T) {
	ref, box := Box{10, 20, 50, 90}, Box{12, 15, 70, 71}
	nearBoxes(t, "decode of encode", []Box{HeadCoder.Decode(ref, HeadCoder.Encode(ref, box))}, []Box{box}, 1e-4)
}

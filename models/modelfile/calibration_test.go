package modelfile

import (
	"reflect"
	"strings"
	"testing"

	"example.com/riffle/nn"
)

func TestReadCalibrationMistakes(t *testing.T) {
	for text, want := range map[string]string{
		``:                                    "calibration: ",
		`{"format": "1"}`:                     "format",
		`{"format": 2, "ranges": {}}`:         "format 2, want 1",
		`{"format": 1}`:                       "ranges: none",
		`{"format": 1, "ranges": {"a": [1]}}`: "ranges: a: from 1 to 0",
		`{"format": 1, "ranges": {"a": [1, 1e39]}}`: "calibration: ",
		`{"format": 1, "ranges": {"a": [0, 1]}} {}`: "something follows",
	} {
		if _, err := ReadCalibration([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadCalibration(f *testing.F) {
	f.Add([]byte(`{"format": 1, "weights_sha256": "00", "photos": 3, "ranges": {"a": [-1, 2.5]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadCalibration(data)
		if err != nil {
			return
		}
		again, err := ReadCalibration(c.JSON())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%+v becomes %+v, %v", c, again, err)
		}
	})
}

// A calibration belongs to tensors, whatever the header in front of them says.
func TestCalibrationBelongsToTensors(t *testing.T) {
	file := func(header, tensors string) []byte {
		return append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header+tensors...)
	}
	seen := nn.Ranges{"a": {Lo: -1, Hi: 2}}
	c, err := NewCalibration(file("{}", "weights"), seen, 3)
	if err != nil {
		t.Fatal(err)
	}
	for what, weights := range map[string][]byte{"same": file("{}", "weights"), "other header": file(`{"a": 1}`, "weights")} {
		if r, err := c.For(weights); err != nil || !reflect.DeepEqual(r, seen) {
			t.Errorf("%s: %v, %v", what, r, err)
		}
	}
	for what, weights := range map[string][]byte{"other tensors": file("{}", "Weights"), "cut": file("{}", "")[:9], "short": []byte("ab"), "nothing": nil} {
		if _, err := c.For(weights); err == nil || !strings.Contains(err.Error(), "other weights") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := (*Calibration)(nil).For(nil); err == nil || !strings.Contains(err.Error(), "needs a calibration") {
		t.Errorf("none: %v", err)
	}
	if _, err := NewCalibration(nil, seen, 0); err == nil {
		t.Error("a calibration without photos")
	}
}

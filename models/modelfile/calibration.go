package modelfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"example.com/riffle/nn"
)

// Calibration says which values the inputs of a model's layers hold when it
// looks at photos. A model of int8 precision needs the one of its weights.
type Calibration struct {
	Format  int    `json:"format"`         // 1
	Tensors string `json:"tensors_sha256"` // of the weights' file behind its header
	Photos  int    `json:"photos"`         // looked at
	// Ranges are the lowest and highest value worth telling apart of the input
	// of the layer of that name. Layers without one stay in float32.
	Ranges map[string][2]float32 `json:"ranges"`
}

// calibrationFormat is what this program reads and writes.
const calibrationFormat = 1

// NewCalibration makes the calibration of a safetensors file from what was seen
// of its layers on photos.
func NewCalibration(weights []byte, seen nn.Ranges, photos int) (*Calibration, error) {
	if photos == 0 || len(seen) == 0 {
		return nil, errors.New("calibration: no photo was seen")
	}
	c := &Calibration{Format: calibrationFormat, Tensors: fingerprint(weights), Photos: photos, Ranges: map[string][2]float32{}}
	for name, r := range seen {
		c.Ranges[name] = [2]float32{r.Lo, r.Hi}
	}
	return c, nil
}

// ReadCalibration reads what [Calibration.JSON] wrote. The error names the field
// that is wrong.
func ReadCalibration(data []byte) (*Calibration, error) {
	var c Calibration
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("calibration: %w", err)
	}
	if d.More() {
		return nil, errors.New("calibration: something follows the JSON object")
	}
	if c.Format != calibrationFormat {
		return nil, fmt.Errorf("calibration: format %d, want %d", c.Format, calibrationFormat)
	}
	if len(c.Ranges) == 0 {
		return nil, errors.New("calibration: ranges: none")
	}
	for name, r := range c.Ranges {
		if !(r[0] <= r[1]) || math.IsInf(float64(r[0]), 0) || math.IsInf(float64(r[1]), 0) {
			return nil, fmt.Errorf("calibration: ranges: %s: from %v to %v", name, r[0], r[1])
		}
	}
	return &c, nil
}

// JSON is the calibration as a file holds it.
func (c *Calibration) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(c); err != nil {
		panic(err) // its ranges are finite
	}
	return b.Bytes()
}

// For returns the ranges as the engine takes them, if the calibration is there
// and belongs to these weights.
func (c *Calibration) For(weights []byte) (nn.Ranges, error) {
	if c == nil {
		return nil, errors.New("int8 needs a calibration; riffle models calibrate makes one")
	}
	if c.Tensors != fingerprint(weights) {
		return nil, errors.New("calibration: it was made for other weights; riffle models calibrate makes one for these")
	}
	r := make(nn.Ranges, len(c.Ranges))
	for name, v := range c.Ranges {
		r[name] = nn.Range{Lo: v[0], Hi: v[1]}
	}
	return r, nil
}

// fingerprint tells tensors apart. The header in front of them does not count:
// it may get another name or input size.
func fingerprint(weights []byte) string {
	if len(weights) >= 8 {
		if n := binary.LittleEndian.Uint64(weights); n <= uint64(len(weights)-8) {
			weights = weights[8+n:]
		}
	}
	sum := sha256.Sum256(weights)
	return hex.EncodeToString(sum[:])
}

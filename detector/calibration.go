package detector

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"

	"riffle/nn"
)

// Calibration says which values the inputs of a model's layers hold when it
// looks at photos. A detector of int8 precision needs the one of its weights.
type Calibration struct {
	Format  int    `json:"format"`         // 1
	Weights string `json:"weights_sha256"` // of the weights' file
	Photos  int    `json:"photos"`         // looked at
	// Ranges are the lowest and highest value worth telling apart of the input
	// of the layer of that name. Layers without one stay in float32.
	Ranges map[string][2]float32 `json:"ranges"`
}

// calibrationFormat is what this program reads and writes.
const calibrationFormat = 1

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

// nn returns the ranges as the engine takes them.
func (c *Calibration) nn() nn.Ranges {
	r := make(nn.Ranges, len(c.Ranges))
	for name, v := range c.Ranges {
		r[name] = nn.Range{Lo: v[0], Hi: v[1]}
	}
	return r
}

func fingerprint(weights []byte) string {
	sum := sha256.Sum256(weights)
	return hex.EncodeToString(sum[:])
}

// checkFor tells whether the calibration belongs to a model's weights.
func (c *Calibration) checkFor(weights []byte) error {
	if c.Weights != fingerprint(weights) {
		return errors.New("calibration: it was made for other weights; riffle models calibrate makes one for these")
	}
	return nil
}

// Calibrator makes a model's calibration. It is not safe for concurrent use.
type Calibrator struct {
	weights  []byte
	detector *Detector
	seen     *nn.Calibrator
	photos   int
}

// NewCalibrator prepares the model of a safetensors file for calibration.
func NewCalibrator(weights []byte) (*Calibrator, error) {
	c := &Calibrator{weights: weights, seen: nn.NewCalibrator()}
	var err error
	c.detector, err = New(weights, Options{Threads: 1, Workers: 1, observe: c.seen.See})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// See looks at a photo and notes what the network's layers are given. The more
// photos, and the more like those that the model is for, the better; some
// hundred are enough.
func (c *Calibrator) See(ctx context.Context, photo image.Image) error {
	if _, err := c.detector.Detect(ctx, photo); err != nil {
		return err
	}
	c.photos++
	return nil
}

// Calibration is the result. It needs at least one photo.
func (c *Calibrator) Calibration() (*Calibration, error) {
	if c.photos == 0 {
		return nil, errors.New("calibration: no photo was seen")
	}
	out := &Calibration{Format: calibrationFormat, Weights: fingerprint(c.weights), Photos: c.photos,
		Ranges: map[string][2]float32{}}
	for name, r := range c.seen.Ranges() {
		out.Ranges[name] = [2]float32{r.Lo, r.Hi}
	}
	return out, nil
}

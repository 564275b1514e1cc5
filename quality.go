package riffle

import (
	"fmt"
	"strings"

	"example.com/riffle/models"
	"example.com/riffle/nn"
)

// Quality chooses a detector and the size of its input where nobody names a model:
// speed and accuracy as one choice. Figures are in docs/precision.md.
type Quality uint8

// The qualities.
const (
	Balanced Quality = iota // the default model; a larger input where int8 pays for it
	Fast                    // the small model
	Best                    // the default model, with an input as large as helps
)

var qualityNames = [...]string{"balanced", "fast", "best"}

// Qualities lists their names, the default first.
func Qualities() []string { return qualityNames[:] }

// String returns the name that ParseQuality understands.
func (q Quality) String() string {
	if int(q) >= len(qualityNames) {
		return fmt.Sprintf("quality(%d)", q)
	}
	return qualityNames[q]
}

// ParseQuality turns a name into a quality.
func ParseQuality(name string) (Quality, error) {
	for i, n := range qualityNames {
		if n == name {
			return Quality(i), nil
		}
	}
	return 0, fmt.Errorf("quality %q is unknown, want one of %s", name, strings.Join(qualityNames[:], ", "))
}

// Model is the name of the embedded model that a quality takes.
func (q Quality) Model() string {
	if q == Fast {
		return models.Small
	}
	return models.Default
}

// Sides of the inputs in pixels, chosen on the development photos: nothing larger
// than bestSide is better, and balancedSide in int8 takes less time than the
// model's own size in float32 where there are dot products of bytes.
const (
	balancedSide = 448
	bestSide     = 480
)

// side is the side of the input that a quality takes in pixels, 0 for what its
// model was trained for.
func (q Quality) side(o Options, calibrated bool) int {
	int8 := calibrated && (o.Precision == Auto || o.Precision == Int8)
	switch {
	case q == Best:
		return bestSide
	case q == Balanced && int8 && nn.Int8Dots(o.ISA):
		return balancedSide
	}
	return 0
}

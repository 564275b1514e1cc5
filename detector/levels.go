package detector

import "math"

// LevelMapper assigns regions to pyramid levels by size: equation 1 of Lin et
// al., Feature Pyramid Networks (arXiv 1612.03144), as torchvision's.
type LevelMapper struct {
	Min, Max       int     // logarithms of the finest and coarsest level's stride
	CanonicalSize  float32 // side in pixels of a region that belongs to CanonicalLevel
	CanonicalLevel int
}

// NewLevelMapper maps to levels of stride 2^min to 2^max with the paper's
// constants: 224 pixels belong to level 4.
func NewLevelMapper(min, max int) LevelMapper {
	return LevelMapper{Min: min, Max: max, CanonicalSize: 224, CanonicalLevel: 4}
}

// Level returns the index of a region's level, 0 being the finest.
func (m LevelMapper) Level(b Box) int {
	side := float32(math.Sqrt(float64(b.Area())))
	k := math.Floor(float64(float32(m.CanonicalLevel) + float32(math.Log2(float64(side/m.CanonicalSize))) + 1e-6))
	if !(k >= float64(m.Min)) {
		return 0
	}
	return min(int(min(k, 1000)), m.Max) - m.Min
}

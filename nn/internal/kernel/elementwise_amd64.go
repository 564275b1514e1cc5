package kernel

// What elementwise_simd.go calls for the part of a plane that fills vectors.

func leakyVector(x *byte, n int, slope float32) { leakyAVX2(x, n, slope) }

func min6Vector(x *byte, n int) { min6AVX2(x, n) }

func hswishVector(x *byte, n int) { hswishAVX2(x, n) }

func hsigmoidVector(x *byte, n int) { hsigmoidAVX2(x, n) }

func sigmoidVector(x *byte, n int) { sigmoidAVX2(x, n) }

func addVector(out, x, y *byte, n int, slope float32) { addAVX2(out, x, y, n, slope) }

func scaleVector(out, x *byte, n int, f float32) { scaleAVX2(out, x, n, f) }

func sumVector(x *byte, n int) float32 { return sumAVX2(x, n) }

// means is GlobalAvgPool where AVX-512 does it.
func means(isa ISA, out, in []Plane, n int, scale float32) bool {
	if isa != AVX512 || len(out) == 0 {
		return false
	}
	vectors := (n + 2*lanes - 1) / (2 * lanes)
	mask := uint64(1)<<(n-(vectors-1)*2*lanes) - 1
	meansAVX512(table(out), table(in), len(out), vectors, mask, scale)
	return true
}

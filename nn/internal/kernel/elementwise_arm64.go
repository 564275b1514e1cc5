package kernel

// What elementwise_simd.go calls for the part of a plane that fills vectors.

func leakyVector(x *byte, n int, slope float32) { leakyNEON(x, n, slope) }

func min6Vector(x *byte, n int) { min6NEON(x, n) }

func hswishVector(x *byte, n int) { hswishNEON(x, n) }

func hsigmoidVector(x *byte, n int) { hsigmoidNEON(x, n) }

func sigmoidVector(x *byte, n int) { sigmoidNEON(x, n) }

func addVector(out, x, y *byte, n int, slope float32) { addNEON(out, x, y, n, slope) }

func scaleVector(out, x *byte, n int, f float32) { scaleNEON(out, x, n, f) }

func sumVector(x *byte, n int) float32 { return sumNEON(x, n) }

func means(ISA, []Plane, []Plane, int, float32) bool { return false }

package vec

import "os"

//go:generate sh -c "cd _generate && go run ."

// Path is one implementation of all loops.
type Path int

// The paths.
const (
	Generic Path = iota // pure Go
	AVX2                // AVX2 and FMA3, for the engine's AVX-512 path too
)

// Named returns the path that goes with one of the engine's kernel sets.
func Named(kernelSet string) Path {
	if haveAVX2 && (kernelSet == "avx2" || kernelSet == "avx512") {
		return AVX2
	}
	return Generic
}

// Best returns the fastest path of this machine, or the one that the environment
// variable RIFFLE_CPU asks of the engine.
func Best() Path {
	if set := os.Getenv("RIFFLE_CPU"); set != "" {
		return Named(set)
	}
	return Named("avx2")
}

// Available lists the paths that this machine can run.
func Available() []Path {
	if haveAVX2 {
		return []Path{Generic, AVX2}
	}
	return []Path{Generic}
}

// String returns the path's name.
func (p Path) String() string {
	if p == AVX2 {
		return "avx2"
	}
	return "generic"
}

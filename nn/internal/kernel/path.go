package kernel

import (
	"fmt"
	"os"
	"strings"
)

//go:generate sh -c "cd _generate && go run ./neon"

// Path names one implementation of all kernels.
type Path int

// The paths, from the one that runs everywhere to the fastest.
const (
	Generic Path = iota // pure Go
	AVX2                // AVX2 and FMA3
	AVX512              // AVX-512 F, VL, BW and DQ
	NEON                // arm64: Advanced SIMD, which every such processor has
)

var pathNames = [...]string{"generic", "avx2", "avx512", "neon"}

// String returns the name that RIFFLE_CPU understands.
func (p Path) String() string {
	if p < 0 || int(p) >= len(pathNames) {
		return fmt.Sprintf("path(%d)", int(p))
	}
	return pathNames[p]
}

// Available lists the paths that this processor and operating system can run,
// slowest first. It is never empty: Generic is always there.
func Available() []Path { return append([]Path{Generic}, archPaths()...) }

// Best returns the fastest path of this machine.
func Best() Path {
	a := Available()
	return a[len(a)-1]
}

// EnvVar is the environment variable that [FromEnv] reads.
const EnvVar = "RIFFLE_CPU"

// FromEnv returns the path that the environment variable RIFFLE_CPU asks for,
// or Best if it is empty. A name that is unknown or that this machine cannot
// run is an error.
func FromEnv() (Path, error) {
	s := os.Getenv(EnvVar)
	if s == "" {
		return Best(), nil
	}
	return choosePath(s, Available())
}

func choosePath(s string, avail []Path) (Path, error) {
	for i, name := range pathNames {
		if name != s {
			continue
		}
		for _, p := range avail {
			if p == Path(i) {
				return p, nil
			}
		}
		return Generic, fmt.Errorf("%s=%s is not supported by this processor, which can run: %s", EnvVar, s, join(avail))
	}
	return Generic, fmt.Errorf("%s=%s is unknown, want one of: %s", EnvVar, s, join(avail))
}

func join(paths []Path) string {
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = p.String()
	}
	return strings.Join(names, ", ")
}

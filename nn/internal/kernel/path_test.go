package kernel

import (
	"strings"
	"testing"
)

func TestAvailable(t *testing.T) {
	paths := Available()
	if paths[0] != Generic {
		t.Errorf("Available() = %v, want generic first", paths)
	}
	for i := 1; i < len(paths); i++ {
		if paths[i] <= paths[i-1] {
			t.Errorf("Available() = %v, want slowest first", paths)
		}
	}
	if b := Best(); b != paths[len(paths)-1] {
		t.Errorf("Best() = %v, want the last of %v", b, paths)
	}
}

func TestFromEnv(t *testing.T) {
	t.Setenv(EnvVar, "")
	if p, err := FromEnv(); err != nil || p != Best() {
		t.Errorf("without %s: %v, %v", EnvVar, p, err)
	}
	for _, want := range Available() {
		t.Setenv(EnvVar, want.String())
		if p, err := FromEnv(); err != nil || p != want {
			t.Errorf("%s=%s: %v, %v", EnvVar, want, p, err)
		}
	}
	t.Setenv(EnvVar, "sse9")
	if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), "RIFFLE_CPU=sse9 is unknown") || !strings.Contains(err.Error(), "generic") {
		t.Errorf("unknown name: %v", err)
	}
}

func TestUnsupportedPath(t *testing.T) {
	_, err := choosePath("avx512", []Path{Generic, AVX2})
	if err == nil || err.Error() != "RIFFLE_CPU=avx512 is not supported by this processor, which can run: generic, avx2" {
		t.Errorf("unsupported path: %v", err)
	}
}

func TestStrings(t *testing.T) {
	for want, got := range map[string]string{
		"generic": Generic.String(), "avx2": AVX2.String(), "avx512": AVX512.String(), "path(9)": Path(9).String(),
		"none": None.String(), "leaky_relu": LeakyReLU.String(), "activation(-1)": ActKind(-1).String(),
	} {
		if got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

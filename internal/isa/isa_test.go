package isa

import (
	"slices"
	"strings"
	"testing"
)

func TestAvailable(t *testing.T) {
	t.Parallel()
	all := Available()
	if all[0] != Generic {
		t.Errorf("Available() = %v, want generic first", all)
	}
	if !slices.IsSorted(all) {
		t.Errorf("Available() = %v, want slowest first", all)
	}
	if b := Best(); b != all[len(all)-1] {
		t.Errorf("Best() = %v, want the last of %v", b, all)
	}
}

func TestFromEnv(t *testing.T) {
	t.Setenv(EnvVar, "")
	if i, err := FromEnv(); err != nil || i != Best() {
		t.Errorf("without %s: %v, %v", EnvVar, i, err)
	}
	for _, want := range Available() {
		t.Setenv(EnvVar, want.String())
		if i, err := FromEnv(); err != nil || i != want {
			t.Errorf("%s=%s: %v, %v", EnvVar, want, i, err)
		}
	}
	t.Setenv(EnvVar, "sse9")
	if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), "RIFFLE_CPU=sse9 is unknown") || !strings.Contains(err.Error(), "generic") {
		t.Errorf("unknown name: %v", err)
	}
}

func TestNotSupported(t *testing.T) {
	t.Parallel()
	_, err := choose(EnvVar, "avx512", []ISA{Generic, AVX2})
	if err == nil || err.Error() != "RIFFLE_CPU=avx512 is not supported by this processor, which can run: generic, avx2" {
		t.Errorf("unsupported: %v", err)
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"generic": Generic.String(), "avx2": AVX2.String(), "avxvnni": AVXVNNI.String(), "avx512": AVX512.String(), "neon": NEON.String(), "dotprod": DotProd.String(), "i8mm": I8MM.String(), "isa(99)": ISA(99).String(),
	} {
		if got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

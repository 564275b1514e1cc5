package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/cpu"
)

// int8Sets lists the sets of int8 kernels that this processor can run, pure Go
// first: more than its instruction sets would choose.
func int8Sets() []dotSet {
	sets := []dotSet{setGo}
	for set, have := range map[dotSet]bool{
		setMadd: cpu.X86.HasAVX2 && cpu.X86.HasFMA, setVNNI: cpu.X86.HasAVXVNNI,
		setEVEX: cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512VL, setVNNI512: cpu.X86.HasAVX512VNNI && cpu.X86.HasAVX512BW,
	} {
		if have {
			sets = append(sets, set)
		}
	}
	return sets
}

// RIFFLE_CPU=avx2 means a processor without VNNI.
func TestInt8Set(t *testing.T) {
	t.Parallel()
	if s := int8Set(AVX2); s != setMadd {
		t.Errorf("AVX2 uses set %d", s)
	}
	if s := int8Set(Generic); s != setGo {
		t.Errorf("pure Go uses set %d", s)
	}
	for _, isa := range allISAs() {
		if s := int8Set(isa); isa == AVXVNNI && s != setVNNI && s != setEVEX {
			t.Errorf("%s uses set %d", isa, s)
		}
	}
}

// The instructions that the generator writes byte by byte are what their comments
// say, if a disassembler that knows them is at hand.
func TestEncodedInstructions(t *testing.T) {
	t.Parallel()
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("no objdump")
	}
	for _, c := range []struct{ file, instruction string }{
		{"gemm_int8_avxvnni_amd64.s", "{vex} vpdpbusd"},
		{"gemm_bf16_avx512_amd64.s", "vdpbf16ps"},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		var code []byte
		var want []string
		for _, line := range strings.Split(string(text), "\n") {
			code = append(code, encoded(t, line)...)
			if m := regexp.MustCompile(`// VP?DP\w+ (\w\d+), (\w\d+), (\w\d+)$`).FindStringSubmatch(line); m != nil {
				want = append(want, strings.ToLower(c.instruction+" "+register(m[1])+","+register(m[2])+","+register(m[3])))
			}
		}
		name := filepath.Join(t.TempDir(), "code")
		if err := os.WriteFile(name, code, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", name).Output()
		if err != nil {
			t.Skipf("objdump: %v", err)
		}
		var got []string
		for _, m := range regexp.MustCompile(`(?m)^\s+[0-9a-f]+:\s+(.*)$`).FindAllStringSubmatch(string(out), -1) {
			got = append(got, strings.Join(strings.Fields(strings.ReplaceAll(m[1], "%", "")), " "))
		}
		if len(want) < 50 || len(got) != len(want) {
			t.Fatalf("%s: %d instructions, %d comments", c.file, len(got), len(want))
		}
		for i, g := range got {
			if g != want[i] {
				t.Fatalf("%s: instruction %d is %q, its comment says %q", c.file, i, g, want[i])
			}
		}
	}
}

// register is a register's name in AT&T syntax, whose order of operands is Go's.
func register(name string) string {
	return strings.NewReplacer("X", "xmm", "Y", "ymm", "Z", "zmm").Replace(name)
}

// encoded returns the bytes of a line of assembly that gives them as numbers.
func encoded(t *testing.T, line string) []byte {
	m := regexp.MustCompile(`^\s+(BYTE|WORD|LONG)\s+\$0x([0-9a-f]+)$`).FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	n := map[string]int{"BYTE": 1, "WORD": 2, "LONG": 4}[m[1]]
	v, err := strconv.ParseUint(m[2], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for range n {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

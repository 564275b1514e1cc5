package kernel

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The instructions that the generators write as numbers are what their comments
// say, if a disassembler that knows them is at hand.
func TestEncodedInstructions(t *testing.T) {
	t.Parallel()
	vex := func(comment string) string {
		m := regexp.MustCompile(`^(VP?DP\w+) (\w\d+), (\w\d+), (\w\d+)$`).FindStringSubmatch(comment)
		if m == nil {
			return ""
		}
		name := strings.ToLower(m[1])
		if name == "vpdpbusd" {
			name = "{vex} " + name
		}
		registers := strings.NewReplacer("X", "xmm", "Y", "ymm", "Z", "zmm") // AT&T's order of operands is Go's
		return name + " " + registers.Replace(strings.Join(m[2:], ","))
	}
	arm := func(comment string) string { return strings.Join(strings.Fields(comment), " ") }
	for _, c := range []struct {
		files   string
		objdump []string
		machine string
		comment func(string) string
	}{
		{"*_avxvnni_amd64.s", []string{"objdump"}, "i386:x86-64", vex},
		{"gemm_bf16_avx512_amd64.s", []string{"objdump"}, "i386:x86-64", vex},
		{"depthwise_int8_avx_amd64.s", []string{"objdump"}, "i386:x86-64", vex},
		{"*_arm64.s", []string{"aarch64-linux-gnu-objdump", "objdump"}, "aarch64", arm},
	} {
		files, err := filepath.Glob(c.files)
		if err != nil || len(files) == 0 {
			t.Fatal(c.files, err)
		}
		for _, file := range files {
			code, want := encoded(t, file, c.comment)
			got := disassemble(t, c.objdump, c.machine, code)
			if got == nil {
				t.Logf("%s: no disassembler for %s", file, c.machine)
				continue
			}
			if len(want) < 10 || len(got) != len(want) {
				t.Fatalf("%s: %d instructions, %d comments", file, len(got), len(want))
			}
			for i, g := range got {
				if g != want[i] {
					t.Fatalf("%s: instruction %d is %q, its comment says %q", file, i, g, want[i])
				}
			}
		}
	}
}

// encoded returns the bytes that an assembly file gives as numbers, and what its
// comments say of them: beside them, or in the line before the first.
func encoded(t *testing.T, file string, comment func(string) string) (code []byte, want []string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`^\s+(BYTE|WORD|LONG)\s+\$0x([0-9a-f]+)(?:\s+// (.*))?$`)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		m := number.FindStringSubmatch(line)
		if m == nil {
			if _, after, ok := strings.Cut(line, "// "); ok && comment(after) != "" && strings.HasPrefix(strings.TrimSpace(line), "//") && !strings.Contains(file, "arm64") {
				want = append(want, comment(after))
			}
			continue
		}
		v, err := strconv.ParseUint(m[2], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		b := binary.LittleEndian.AppendUint32(nil, uint32(v))
		code = append(code, b[:len(m[2])/2]...)
		if m[3] != "" {
			want = append(want, comment(m[3]))
		}
	}
	return code, want
}

// disassemble returns the instructions of code, nil if none of the programs can.
func disassemble(t *testing.T, programs []string, machine string, code []byte) []string {
	name := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(name, code, 0o600); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^\s+[0-9a-f]+:\s+(.*)$`)
	for _, program := range programs {
		out, err := exec.Command(program, "-D", "-b", "binary", "-m", machine, "--no-show-raw-insn", name).Output()
		if err != nil {
			continue
		}
		var list []string
		for _, m := range line.FindAllStringSubmatch(string(out), -1) {
			list = append(list, strings.Join(strings.Fields(strings.ReplaceAll(m[1], "%", "")), " "))
		}
		return list
	}
	return nil
}

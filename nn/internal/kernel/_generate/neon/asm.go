package main

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"strings"
)

// source collects the functions of one assembly file and their Go stubs.
type source struct {
	text, stubs strings.Builder
	places      int // numbers labels that a function has several of
}

// fn begins a function. Its arguments lie in the order of the signature, so
// that loads can name them by argument.
func (s *source) fn(name, signature, doc string, argBytes int) {
	fmt.Fprintf(&s.text, "\n// func %s%s\nTEXT ·%s(SB), NOSPLIT, $0-%d\n", name, signature, name, argBytes)
	fmt.Fprintf(&s.stubs, "// %s %s\n//\n//go:noescape\nfunc %s%s\n\n", name, doc, name, signature)
}

// op writes one instruction in the syntax of the Go assembler.
func (s *source) op(format string, args ...any) {
	s.text.WriteByte('\t')
	fmt.Fprintf(&s.text, format, args...)
	s.text.WriteByte('\n')
}

func (s *source) label(name string) { fmt.Fprintf(&s.text, "\n%s:\n", name) }

// The assembler of Go knows no vector arithmetic on floats but FMLA of whole
// vectors, so the rest is encoded by hand, as the Arm Architecture Reference
// Manual (DDI 0487, section C7.2) lays it down: two or three register numbers
// in an opcode.

func (s *source) word(code uint32, arm string, args ...any) {
	fmt.Fprintf(&s.text, "\tWORD $0x%08x // %s\n", code, fmt.Sprintf(arm, args...))
}

func (s *source) three(code uint32, name string, d, n, m int) {
	s.word(code|uint32(m)<<16|uint32(n)<<5|uint32(d), "%s v%d.4s, v%d.4s, v%d.4s", name, d, n, m)
}

// fmla adds n times lane lane of m to d.
func (s *source) fmla(d, n, m, lane int) {
	code := 0x4f801000 | uint32(lane&1)<<21 | uint32(m)<<16 | uint32(lane>>1)<<11 | uint32(n)<<5 | uint32(d)
	s.word(code, "fmla v%d.4s, v%d.4s, v%d.s[%d]", d, n, m, lane)
}

func (s *source) fadd(d, n, m int)  { s.three(0x4e20d400, "fadd", d, n, m) }
func (s *source) fsub(d, n, m int)  { s.three(0x4ea0d400, "fsub", d, n, m) }
func (s *source) fmul(d, n, m int)  { s.three(0x6e20dc00, "fmul", d, n, m) }
func (s *source) fmax(d, n, m int)  { s.three(0x4e20f400, "fmax", d, n, m) }
func (s *source) fmin(d, n, m int)  { s.three(0x4ea0f400, "fmin", d, n, m) }
func (s *source) faddp(d, n, m int) { s.three(0x6e20d400, "faddp", d, n, m) }

// fmaxnm is the greater of two numbers, and the number if the other is NaN.
func (s *source) fmaxnm(d, n, m int) { s.three(0x4e20c400, "fmaxnm", d, n, m) }

// leaky sets every vector x of list to max(x, slope*x), as many at a time as
// there are registers in temps, so that none waits for its product. With fmaxnm
// an infinite x survives slope 0, and a NaN stays one because both operands are.
func (s *source) leaky(list []int, slope int, temps []int) {
	for len(list) > 0 {
		n := min(len(list), len(temps))
		for i, x := range list[:n] {
			s.fmul(temps[i], x, slope)
		}
		for i, x := range list[:n] {
			s.fmaxnm(x, x, temps[i])
		}
		list = list[n:]
	}
}

// hswish sets every vector x of list to x * min(max(x/6 + 1/2, 0), 1). It takes
// its four constants from memory into the last of the free registers, by way of
// the general register addr, and needs at least one more.
func (s *source) hswish(list, free []int, addr string) {
	k := free[len(free)-4:]
	temps := free[:len(free)-4]
	s.op("MOVD $hswish<>(SB), %s", addr)
	for _, r := range k {
		s.op("VLD1R.P 4(%s), [V%d.S4]", addr, r)
	}
	for len(list) > 0 {
		n := min(len(list), len(temps))
		for i, x := range list[:n] {
			s.fmul(temps[i], x, k[0])
		}
		for i := range n {
			s.fadd(temps[i], temps[i], k[1])
		}
		for i := range n {
			s.fmax(temps[i], temps[i], k[2])
		}
		for i := range n {
			s.fmin(temps[i], temps[i], k[3])
		}
		for i, x := range list[:n] {
			s.fmul(x, x, temps[i])
		}
		list = list[n:]
	}
}

// hswishConstants must stand once in a file whose kernels use hswish.
func (s *source) hswishConstants() { s.constants("hswish", []float32{1.0 / 6, 0.5, 0, 1}) }

// move copies a whole vector register.
func (s *source) move(from, to int) { s.op("VMOV V%d.B16, V%d.B16", from, to) }

// broadcast sets all lanes of v to the float at address reg.
func (s *source) broadcast(v int, reg string) { s.op("VLD1R (%s), [V%d.S4]", reg, v) }

// loads reads len(v) vectors that lie one after another from off(base).
func (s *source) loads(base string, off int, v []int) {
	for ; len(v) >= 2; v = v[2:] {
		s.op("FLDPQ %d(%s), (F%d, F%d)", off, base, v[0], v[1])
		off += 32
	}
	if len(v) == 1 {
		s.op("FMOVQ %d(%s), F%d", off, base, v[0])
	}
}

// stores is the reverse of loads.
func (s *source) stores(base string, off int, v []int) {
	for ; len(v) >= 2; v = v[2:] {
		s.op("FSTPQ (F%d, F%d), %d(%s)", v[0], v[1], off, base)
		off += 32
	}
	if len(v) == 1 {
		s.op("FMOVQ F%d, %d(%s)", v[0], off, base)
	}
}

// storePart stores the first one to three floats of v, as many as the register
// count says, and goes on at label done. temp is overwritten.
func (s *source) storePart(v int, base string, off int, count, temp, done string) {
	s.op("TBZ $1, %s, %s_one", count, done)
	s.op("FMOVD F%d, %d(%s)", v, off, base)
	s.op("TBZ $0, %s, %s", count, done)
	s.op("ADD $%d, %s, %s", off+8, base, temp)
	s.op("VST1 V%d.S[2], (%s)", v, temp)
	s.op("B %s", done)
	s.label(done + "_one")
	s.op("FMOVS F%d, %d(%s)", v, off, base)
	s.label(done)
}

const header = "// Code generated by go generate. DO NOT EDIT.\n\n"

// write saves base.s and base.go.
func (s *source) write(base string) error {
	asm := header + "#include \"textflag.h\"\n" + s.text.String()
	if err := os.WriteFile(base+".s", []byte(asm), 0o644); err != nil {
		return err
	}
	return writeGo(base+".go", header+"package kernel\n\n"+s.stubs.String())
}

func writeGo(name, text string) error {
	src, err := format.Source([]byte(text))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, append(bytes.TrimSpace(src), '\n'), 0o644)
}

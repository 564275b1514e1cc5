// The program generates the NEON assembly of package kernel and its Go stubs.
// It stands apart from the generator for amd64 because avo knows no arm64. Run
// it with `go generate` in the package.
package main

import (
	"flag"
	"fmt"
	"log"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("dir", "..", "folder of package kernel")
	flag.Parse()
	if err := generate(*dir); err != nil {
		log.Fatal(err)
	}
}

func generate(dir string) error {
	var gemm, depthwise, vector source
	gemm.hswishConstants()
	depthwise.hswishConstants()
	for _, k := range gemmKernels() {
		k.generate(&gemm)
	}
	for _, d := range depthwiseKernels() {
		d.generate(&depthwise)
	}
	vectorAll(&vector)
	var int8, depthwiseInt8 source
	int8All(&int8)
	for _, d := range depthwiseInt8Kernels() {
		d.generate(&depthwiseInt8)
	}
	for name, s := range map[string]*source{
		"gemm": &gemm, "depthwise": &depthwise, "vector": &vector, "gemm_int8": &int8, "depthwise_int8": &depthwiseInt8,
	} {
		if err := s.write(filepath.Join(dir, name+"_neon_arm64")); err != nil {
			return err
		}
	}
	if err := writeSwitch(filepath.Join(dir, "gemm_switch_arm64.go"), gemmSwitch()); err != nil {
		return err
	}
	if err := writeSwitch(filepath.Join(dir, "gemm_dot_switch_arm64.go"), dotSwitch(smmlaKernels), dotSwitch(sdotKernels), dotSwitch(baseKernels),
		packSwitch("packFloats"), packSwitch("packBytes"), packSwitch("packFloatsPairs"), packSwitch("packBytesPairs")); err != nil {
		return err
	}
	return writeSwitch(filepath.Join(dir, "depthwise_switch_arm64.go"), depthwiseSwitch(), depthwiseInt8Switch())
}

// gemmSwitch calls a GEMM kernel by its shape. A switch keeps the arguments off
// the heap, which a table of functions would not.
func gemmSwitch() string {
	var cases []string
	for _, k := range gemmKernels() {
		cases = append(cases, fmt.Sprintf("\tcase %d<<4 | %d:\n\t\t%s(a)\n", k.vectors, k.rows, k.name()))
	}
	return switchText("gemmNEON calls the kernel of a number of vectors of pixels and of rows.",
		"gemmNEON(vectors, rows int, a *byte)", "vectors<<4 | rows", cases)
}

func depthwiseSwitch() string {
	var cases []string
	for _, d := range depthwiseKernels() {
		cases = append(cases, fmt.Sprintf("\tcase %d<<8 | %d<<4 | %d:\n\t\t%s(a)\n", d.k, d.stride, d.vectors, d.name()))
	}
	return switchText("depthwiseNEON calls the kernel of a filter size, a stride and a number of vectors of columns.",
		"depthwiseNEON(k, stride, vectors int, a *byte)", "k<<8 | stride<<4 | vectors", cases)
}

func dotSwitch(t dot) string {
	var cases []string
	for _, k := range dotKernels(t) {
		cases = append(cases, fmt.Sprintf("\tcase %d<<4 | %d:\n\t\t%s(a)\n", k.vectors, k.rows, k.kernel()))
	}
	return switchText(fmt.Sprintf("gemm%s calls the kernel of a number of vectors of pixels and of rows.", t.name),
		fmt.Sprintf("gemm%s(vectors, rows int, a *byte)", t.name), "vectors<<4 | rows", cases)
}

func packSwitch(name string) string {
	var cases []string
	for vectors := 1; vectors <= 6; vectors++ {
		cases = append(cases, fmt.Sprintf("\tcase %d:\n\t\t%sv%d(a)\n", vectors, name, vectors))
	}
	return switchText(name+" calls the kernel that lays inputs out for a number of vectors of pixels.", name+"(vectors int, a *byte)", "vectors", cases)
}

func depthwiseInt8Switch() string {
	var cases []string
	for _, d := range depthwiseInt8Kernels() {
		set := "setNEON"
		if d.native {
			set = "setSDOT"
		}
		cases = append(cases, fmt.Sprintf("\tcase int(%s)<<8 | %d<<4 | %d:\n\t\t%s(a)\n", set, d.k, d.stride, d.kernel()))
	}
	return switchText("depthwiseInt8 calls the kernel of bytes of a set, a filter size and a stride.",
		"depthwiseInt8(set dotSet, k, stride int, a *byte)", "int(set)<<8 | k<<4 | stride", cases)
}

func switchText(doc, head, on string, cases []string) string {
	return fmt.Sprintf("// %s\nfunc %s {\n\tswitch %s {\n%s\tdefault:\n\t\tpanic(\"kernel: no such micro-kernel\")\n\t}\n}\n", doc, head, on, strings.Join(cases, ""))
}

func writeSwitch(name string, functions ...string) error {
	return writeGo(name, header+"package kernel\n\n"+strings.Join(functions, "\n"))
}

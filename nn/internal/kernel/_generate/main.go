// The program generates the assembly of package kernel and its Go stubs. Run it
// with `go generate` in the package.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// files are the generated files: name without suffix, and what writes them.
var files = []struct {
	name string
	fill func(*build.Context)
}{
	{"gemm_avx2", gemm256All},
	{"gemm_avx512", gemm512All},
	{"gemm_across_avx512", across512All},
	{"depthwise_avx2", depthwise256All},
	{"depthwise_avx512", depthwise512All},
	{"depthwise_int8_avx", depthwiseInt8All},
	{"vector_avx", vectorAll},
	{"curve_avx2", curveAll},
	{"peak_avx", peakAll},
	{"gemm_int8_avx512", vnni.all},
	{"gemm_int8_avx2", madd.all},
	{"gemm_int8_avxvnni", vnni256.all},
	{"gemm_int8_evex256", evex256.all},
	{"gemm_bf16_avx512", bf16.all},
}

func main() {
	dir := flag.String("dir", "..", "folder of package kernel")
	flag.Parse()
	for _, f := range files {
		if err := assemble(filepath.Join(*dir, f.name+"_amd64"), f.fill); err != nil {
			log.Fatalf("%s: %v", f.name, err)
		}
	}
	for name, list := range map[string][]shapeSwitch{
		"gemm": gemmSwitches(), "depthwise": depthwiseSwitches(), "gemm_dot": dotSwitches(),
	} {
		if err := writeSwitches(filepath.Join(*dir, name+"_switch_amd64.go"), list); err != nil {
			log.Fatal(err)
		}
	}
}

// assemble writes base.s and base.go. Nothing is written when an error occurs,
// because a broken stub would keep the package from being built.
func assemble(base string, fill func(*build.Context)) error {
	ctx := build.NewContext()
	fill(ctx)
	file, err := ctx.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	cfg := printer.Config{Name: "avo", Argv: []string{"go", "generate"}, Pkg: "kernel"}
	asm, err := printer.NewGoAsm(cfg).Print(file)
	if err != nil {
		return err
	}
	stubs, err := printer.NewStubs(cfg).Print(file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(base+".s", asm, 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".go", stubs, 0o644)
}

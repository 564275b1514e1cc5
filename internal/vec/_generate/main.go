// The program generates the assembly of package vec and its Go stubs. Run it
// with `go generate` in the package.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// files are the generated files: name without suffix, and what writes them.
var files = []struct {
	name string
	fill func(*build.Context)
}{
	{"features", featuresAll},
	{"idct", idctAll},
	{"colour", colourAll},
}

func main() {
	dir := flag.String("dir", "..", "folder of package vec")
	flag.Parse()
	for _, f := range files {
		if err := assemble(filepath.Join(*dir, f.name+"_amd64"), f.fill); err != nil {
			log.Fatalf("%s: %v", f.name, err)
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
	cfg := printer.Config{Name: "avo", Argv: []string{"go", "generate"}, Pkg: "vec"}
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

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

func start(c *build.Context, name, signature, doc string) {
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr(signature)
	c.Pragma("noescape")
	c.Doc(doc)
}

func param(c *build.Context, name string) reg.GPVirtual {
	r := c.GP64()
	c.Load(c.Param(name), r)
	return r
}

// broadcastParam reads a float32 argument into all lanes.
func broadcastParam(c *build.Context, name string, to reg.VecPhysical) {
	m, err := c.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	c.VBROADCASTSS(m.Addr, to)
}

func finish(c *build.Context) {
	c.VZEROUPPER()
	c.RET()
}

// constants makes a read-only table of 32-bit words.
func constants(c *build.Context, name string, words ...uint32) operand.Mem {
	m := c.StaticGlobal(name)
	c.DataAttributes(attr.RODATA | attr.NOPTR)
	for i, w := range words {
		c.AddDatum(4*i, operand.U32(w))
	}
	return m
}

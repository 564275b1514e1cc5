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
	var product, depthwise, vector source
	product.hswishConstants()
	depthwise.hswishConstants()
	for _, k := range productKernels() {
		k.generate(&product)
	}
	for _, d := range depthwiseKernels() {
		d.generate(&depthwise)
	}
	vectorAll(&vector)
	for name, s := range map[string]*source{"product": &product, "depthwise": &depthwise, "vector": &vector} {
		if err := s.write(filepath.Join(dir, name+"_neon_arm64")); err != nil {
			return err
		}
	}
	return switches(filepath.Join(dir, "switch_neon_arm64.go"))
}

// switches writes the functions that call a kernel by its shape. A switch keeps
// the arguments off the heap, which a table of functions would not.
func switches(name string) error {
	var b strings.Builder
	b.WriteString(header + "package kernel\n\n")
	write := func(doc, head, on string, cases []string) {
		fmt.Fprintf(&b, "// %s\nfunc %s {\n\tswitch %s {\n%s\tdefault:\n\t\tpanic(\"kernel: no such micro-kernel\")\n\t}\n}\n\n", doc, head, on, strings.Join(cases, ""))
	}
	var cases []string
	for _, k := range productKernels() {
		cases = append(cases, fmt.Sprintf("\tcase %d<<4 | %d:\n\t\t%s(a)\n", k.vectors, k.rows, k.name()))
	}
	write("productNEON calls the kernel of a number of vectors of pixels and of rows.",
		"productNEON(vectors, rows int, a *byte)", "vectors<<4 | rows", cases)
	cases = nil
	for _, d := range depthwiseKernels() {
		cases = append(cases, fmt.Sprintf("\tcase %d<<8 | %d<<4 | %d:\n\t\t%s(a)\n", d.k, d.stride, d.vectors, d.name()))
	}
	write("depthwiseNEON calls the kernel of a filter size, a stride and a number of vectors of columns.",
		"depthwiseNEON(k, stride, vectors int, a *byte)", "k<<8 | stride<<4 | vectors", cases)
	return writeGo(name, b.String())
}

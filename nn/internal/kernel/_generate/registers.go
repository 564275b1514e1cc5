package main

import (
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	reg.Y16, reg.Y17, reg.Y18, reg.Y19, reg.Y20, reg.Y21, reg.Y22, reg.Y23,
	reg.Y24, reg.Y25, reg.Y26, reg.Y27, reg.Y28, reg.Y29, reg.Y30, reg.Y31,
}

var xmm = []reg.VecPhysical{
	reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
	reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
}

// args is the pointer to the argument struct of a kernel. Its fields are read
// by offset: avo cannot resolve the type because it lives in an internal
// package of another module. The package checks the offsets when it compiles.
type args struct {
	c    *build.Context
	base reg.GPVirtual
}

func newArgs(c *build.Context) args {
	a := args{c, c.GP64()}
	c.Load(c.Param("a"), a.base)
	return a
}

func (a args) mem(offset int) operand.Mem { return operand.Mem{Base: a.base, Disp: offset} }

// load reads a 64-bit field into a new register.
func (a args) load(offset int) reg.GPVirtual {
	r := a.c.GP64()
	a.c.MOVQ(a.mem(offset), r)
	return r
}

// function starts a kernel func name(a *byte).
func function(c *build.Context, name, doc string) args {
	c.Function(name)
	c.Attributes(attrNoSplit)
	c.SignatureExpr("func(a *byte)")
	c.Pragma("noescape")
	c.Doc(doc)
	return newArgs(c)
}

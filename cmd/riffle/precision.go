package main

import "example.com/riffle/nn"

// precisionFlag is --precision of the commands that run a model.
type precisionFlag struct {
	Precision string `default:"float32" enum:"${precisions}" env:"RIFFLE_PRECISION" placeholder:"KIND" help:"Arithmetic of the network: float32, bf16 (only where the processor has AVX512_BF16) or int8, the fastest, a little less accurate. For int8 a model of your own needs riffle models calibrate once."`
}

// precision is what the flag names; kong has checked it.
func (f precisionFlag) precision() nn.Precision {
	p, err := nn.ParsePrecision(f.Precision)
	if err != nil {
		panic(err)
	}
	return p
}

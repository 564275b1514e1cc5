package main

import "riffle/nn"

// precisionFlag is --precision of the commands that run a model.
type precisionFlag struct {
	Precision string `default:"float32" enum:"${precisions}" env:"RIFFLE_PRECISION" placeholder:"KIND" help:"Numbers that the network's 1x1 convolutions multiply: float32, bf16 or int8. The last is the fastest and a little less accurate; a model of your own needs riffle models calibrate for it. bf16 needs a processor with AVX512_BF16."`
}

// precision is what the flag names; kong has checked it.
func (f precisionFlag) precision() nn.Precision {
	p, err := nn.ParsePrecision(f.Precision)
	if err != nil {
		panic(err)
	}
	return p
}

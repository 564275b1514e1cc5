package main

import "example.com/riffle/nn"

// precisionFlag is --precision of the commands that run a model.
type precisionFlag struct {
	Precision string `default:"auto" enum:"${precisions}" env:"RIFFLE_PRECISION" placeholder:"KIND" help:"Arithmetic of the network: float32, the same numbers everywhere; int8, a little less accurate; bf16 (only where the processor has AVX512_BF16); or auto: int8 where that is faster and the model is calibrated, else float32 (${default}). A model of your own is calibrated by riffle models calibrate."`
}

// precision is what the flag names, which kong has checked.
func (f precisionFlag) precision() nn.Precision { return precisionOf(f.Precision) }

func precisionOf(name string) nn.Precision {
	p, err := nn.ParsePrecision(name)
	if err != nil {
		panic(err)
	}
	return p
}

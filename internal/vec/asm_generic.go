//go:build !amd64

package vec

// The assembly's functions, which are never called here.

const missing = "vec: no assembly for this processor"

func weigh(_, _ *float32, _ *byte, _, _, _ int) { panic(missing) }

func interleave(_ *float32, _ int, _ *byte, _ int) { panic(missing) }

func separate(_ *byte, _ *float32, _, _ int) { panic(missing) }

func maxInto(_, _ *float32, _ int) { panic(missing) }

func atLeast(_ *byte, _ *float32, _ int, _ float32) { panic(missing) }

func meanBin(_, _ *float32, _ int) { panic(missing) }

func meanProbability(_, _, _ *float32, _ int, _, _ float32) { panic(missing) }

func idct8(_ *byte, _ int, _ *int16, _ *float32) { panic(missing) }

func idct4(_ *byte, _ int, _ *int16, _ *float32) { panic(missing) }

func rgb444(_, _, _ *float32, _, _, _ *byte, _ int) { panic(missing) }

func rgb422(_, _, _ *float32, _, _, _ *byte, _ int) { panic(missing) }

func bgr(_, _, _ *float32, _ *byte, _ int) { panic(missing) }

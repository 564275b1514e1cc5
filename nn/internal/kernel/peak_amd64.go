package kernel

// peakLoop returns the loop of an instruction set and the floats of one vector.
func peakLoop(isa ISA) (loop func(rounds int), lanes int) {
	switch isa {
	case AVX2, AVXVNNI:
		return peakAVX2, 8
	case AVX512:
		return peakAVX512, 16
	}
	return nil, 0
}

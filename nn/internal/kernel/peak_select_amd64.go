package kernel

// peakLoop returns the loop of a path and the floats of one vector.
func peakLoop(path Path) (loop func(rounds int), lanes int) {
	switch path {
	case AVX2:
		return peakAVX2, 8
	case AVX512:
		return peakAVX512, 16
	}
	return nil, 0
}

package kernel

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) {
	w := bytes(&l.w[u*linearRows*l.kPad])
	switch l.isa {
	case AVX512:
		linearAVX512(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	case AVX2, AVXVNNI:
		linearAVX2(bytes(&sums[0]), w, bytes(&x[0]), l.kPad)
	default:
		l.blockGeneric(sums, x, u)
	}
}

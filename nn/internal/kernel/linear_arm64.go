package kernel

func (l *Linear) block(sums *[linearRows]float32, x []float32, u int) {
	if l.isa == Generic {
		l.blockGeneric(sums, x, u)
		return
	}
	linearNEON(bytes(&sums[0]), bytes(&l.w[u*linearRows*l.kPad]), bytes(&x[0]), l.kPad)
}

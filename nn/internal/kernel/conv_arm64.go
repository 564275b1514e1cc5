package kernel

// splitRow packs both phases of an input row for stride 2 into dst and reports
// whether it did. Even and odd columns go to the two phases, whichever the
// padding makes theirs.
func (c *Conv) splitRow(dst []float32, src Plane) bool {
	if c.gemm.isa == Generic {
		return false
	}
	even, odd := dst[c.pad%2*c.rowFloats:], dst[(c.pad+1)%2*c.rowFloats:]
	e, o := (c.pad-c.pad%2)/2, (1+c.pad-(c.pad+1)%2)/2 // where columns 0 and 1 go
	splitNEON(bytes(&even[e]), bytes(&odd[o]), (*byte)(src), (c.w+2*lanes-1)/(2*lanes)*lanes)
	clear(even[:e])
	clear(odd[:o])
	if end := e + (c.w+1)/2; end < c.used {
		clear(even[end:c.used])
	}
	if end := o + c.w/2; end < c.used {
		clear(odd[end:c.used])
	}
	return true
}

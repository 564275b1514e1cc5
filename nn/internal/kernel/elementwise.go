package kernel

// Add sets out[i] = act(a[i] + b[i]) for n values of every plane. out may be a
// or b. Planes are independent: threads take parts of the three slices.
func Add(isa ISA, out, a, b []Plane, n int, act Act) {
	slope, rest := act.split()
	for i := range out {
		addPlane(isa, out[i], a[i], b[i], n, slope)
	}
	if rest != None {
		curveRows(isa, out, 0, n, rest)
	}
}

func addGeneric(out, a, b Plane, n int, slope float32) {
	o, x, y := floats(out, n), floats(a, n), floats(b, n)
	for i := range o {
		o[i] = leaky(x[i]+y[i], slope)
	}
}

// Scale sets out[i] = in[i] * factor[i] for n values of every plane, factor
// having planes of one pixel, as squeeze-and-excitation does. out may be in.
func Scale(isa ISA, out, in, factor []Plane, n int) {
	for i := range out {
		scalePlane(isa, out[i], in[i], n, *(*float32)(factor[i]))
	}
}

func scaleGeneric(out, in Plane, n int, f float32) {
	o, x := floats(out, n), floats(in, n)
	for i := range o {
		o[i] = x[i] * f
	}
}

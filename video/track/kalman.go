package track

import (
	"time"

	"gonum.org/v1/gonum/mat"
)

// The state is a box's centre, width and height, and how fast each changes:
// (x, y, w, h, x', y', w', h'), in pixels and pixels per second.
const (
	measured = 4 // x, y, w, h: what a detection says
	states   = 2 * measured
)

// How sure things are, as standard deviations in units of the box's size.
const (
	noiseOfBox   = 0.06 // of a detected box's centre and sides
	unknownSpeed = 1.5  // of an object seen once, per second
	unknownGrow  = 0.3  // the same, of its sides
	changeOfMove = 1.2  // how much speed changes within a second
	changeOfSize = 0.25
)

// kalman is the filter of one object: constant speed, disturbed by random
// accelerations. Matrices are kept, a step allocates little.
type kalman struct {
	x *mat.VecDense
	p *mat.SymDense // covariance of x
	f *mat.Dense    // from one time to the next
}

func newKalman(b Box) *kalman {
	k := &kalman{x: mat.NewVecDense(states, nil), p: mat.NewSymDense(states, nil), f: mat.NewDense(states, states, nil)}
	z := ofBox(b)
	s := sizeOf(b)
	for i, v := range z {
		k.x.SetVec(i, v)
		k.p.SetSym(i, i, sq(noiseOfBox*s))
		speed := unknownSpeed
		if i >= 2 {
			speed = unknownGrow
		}
		k.p.SetSym(measured+i, measured+i, sq(speed*s))
	}
	return k
}

// predict moves the state on by dt.
func (k *kalman) predict(dt time.Duration) {
	t := dt.Seconds()
	if t <= 0 {
		return
	}
	s := sizeOf(k.box())
	k.f.Zero()
	for i := range measured {
		k.f.Set(i, i, 1)
		k.f.Set(measured+i, measured+i, 1)
		k.f.Set(i, measured+i, t)
	}
	var x mat.VecDense
	x.MulVec(k.f, k.x)
	k.x.CopyVec(&x)
	var fp, fpf mat.Dense
	fp.Mul(k.f, k.p)
	fpf.Mul(&fp, k.f.T())
	symmetric(k.p, &fpf)
	for i := range measured {
		change := changeOfMove
		if i >= 2 {
			change = changeOfSize
		}
		q := sq(change * s)
		add(k.p, i, i, q*t*t*t/3)
		add(k.p, i, measured+i, q*t*t/2)
		add(k.p, measured+i, measured+i, q*t)
	}
	for i := 2; i < measured; i++ { // a box that shrinks does not shrink to nothing
		if k.x.AtVec(i) < 1 {
			k.x.SetVec(i, 1)
			k.x.SetVec(measured+i, 0)
		}
	}
}

// update takes a detected box in, in Joseph's form, which keeps the covariance
// positive whatever rounding does.
func (k *kalman) update(b Box) {
	h := mat.NewDense(measured, states, nil)
	r := mat.NewDiagDense(measured, nil)
	s := sizeOf(b)
	for i := range measured {
		h.Set(i, i, 1)
		r.SetDiag(i, sq(noiseOfBox*s))
	}
	innovation := mat.NewVecDense(measured, nil)
	for i, v := range ofBox(b) {
		innovation.SetVec(i, v-k.x.AtVec(i))
	}
	sum := mat.NewSymDense(measured, nil)
	for i := range measured {
		for j := i; j < measured; j++ {
			sum.SetSym(i, j, k.p.At(i, j))
		}
		add(sum, i, i, r.At(i, i))
	}
	var chol mat.Cholesky
	if !chol.Factorize(sum) { // cannot be while boxes are finite; start anew
		*k = *newKalman(b)
		return
	}
	// gain = P H' S^-1, by solving S gain' = H P.
	var hp, gainT mat.Dense
	hp.Mul(h, k.p)
	if err := chol.SolveTo(&gainT, &hp); err != nil {
		*k = *newKalman(b)
		return
	}
	gain := gainT.T()
	var dx mat.VecDense
	dx.MulVec(gain, innovation)
	k.x.AddVec(k.x, &dx)
	var keep, kp, kpk, gr, grg mat.Dense
	keep.Mul(gain, h)
	keep.Scale(-1, &keep)
	for i := range states {
		keep.Set(i, i, keep.At(i, i)+1)
	}
	kp.Mul(&keep, k.p)
	kpk.Mul(&kp, keep.T())
	gr.Mul(gain, r)
	grg.Mul(&gr, gain.T())
	kpk.Add(&kpk, &grg)
	symmetric(k.p, &kpk)
}

// slow takes a share off the speeds: of an object that is not seen, its last
// speed says less and less.
func (k *kalman) slow(keep float64) {
	for i := measured; i < states; i++ {
		v := keep
		if i >= measured+2 {
			v = 0
		}
		k.x.SetVec(i, v*k.x.AtVec(i))
	}
}

// rescale follows a picture that changes its size.
func (k *kalman) rescale(sx, sy float64) {
	d := []float64{sx, sy, sx, sy, sx, sy, sx, sy}
	for i := range states {
		k.x.SetVec(i, d[i]*k.x.AtVec(i))
		for j := i; j < states; j++ {
			k.p.SetSym(i, j, d[i]*d[j]*k.p.At(i, j))
		}
	}
}

func (k *kalman) box() Box {
	x, y, w, h := k.x.AtVec(0), k.x.AtVec(1), k.x.AtVec(2), k.x.AtVec(3)
	return Box{x - w/2, y - h/2, x + w/2, y + h/2}
}

func ofBox(b Box) [measured]float64 {
	x, y := b.Center()
	return [measured]float64{x, y, b.Width(), b.Height()}
}

// sizeOf is what noise is proportional to.
func sizeOf(b Box) float64 { return max(1, (b.Width()+b.Height())/2) }

func sq(v float64) float64 { return v * v }

func add(m *mat.SymDense, i, j int, v float64) { m.SetSym(i, j, m.At(i, j)+v) }

// symmetric copies what is symmetric but for rounding.
func symmetric(dst *mat.SymDense, src *mat.Dense) {
	for i := range states {
		for j := i; j < states; j++ {
			dst.SetSym(i, j, (src.At(i, j)+src.At(j, i))/2)
		}
	}
}

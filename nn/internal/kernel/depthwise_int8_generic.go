//go:build !amd64 && !arm64

package kernel

type depthwiseStrips struct{}

func (d *DepthwiseInt8) prepare() {}

func (d *DepthwiseInt8) planes(out, in []Plane, e epilogue, u0, u1 int) {
	d.planesGeneric(out, in, e, u0, u1)
}

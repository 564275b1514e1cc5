package kernel

import "unsafe"

// Plane is the address of the first of H*W float32 values of one channel. See
// the package comment for what must surround it.
type Plane = unsafe.Pointer

// Slack is the number of readable floats an arena needs in front of its first
// guard and behind its last one.
const Slack = 64

// Guard returns the number of zero floats that must lie in front of and behind
// every plane that is w floats wide: two rows and two floats, which a flat 5x5
// depthwise convolution sees as its border, and one vector of over-read.
func Guard(w int) int { return 2*w + 2 + 16 }

// Stride returns a good distance, in floats, from one plane of h rows and w
// columns to the next, guard included. It is an odd number of cache lines:
// planes that start on a line are read faster, and the pieces of many planes
// that a GEMM reads together spread evenly over the sets of a cache.
func Stride(h, w int) int {
	const line = 16
	lines := (h*w + Guard(w) + line - 1) / line
	return (lines | 1) * line
}

// NewPlane makes a single plane with its guards.
func NewPlane(h, w int) Plane {
	const line = 16
	first := (Slack + Guard(w) + line - 1) / line * line
	return Plane(&Floats(first + Stride(h, w) + Slack)[first])
}

// ByteSlack is the number of bytes behind a plane of bytes that kernels may read,
// and of which they may write the first 16.
const ByteSlack = 64

// ByteStride is Stride, in floats too, of planes of bytes. They need no guards.
func ByteStride(h, w int) int {
	const line = 64
	lines := (h*w + ByteSlack + line - 1) / line
	return (lines | 1) * line / floatSize
}

const floatSize = 4

// lanes is the number of floats that kernels which stream through memory take
// at a time.
const lanes = 8

// floats views the first n values of a plane.
func floats(p Plane, n int) []float32 { return unsafe.Slice((*float32)(p), n) }

// at returns the address of value i of a plane.
func at(p Plane, i int) *float32 { return (*float32)(unsafe.Add(p, i*floatSize)) }

// byteAt returns the address of pixel i of a plane of bytes.
func byteAt(p Plane, i int) *byte { return (*byte)(unsafe.Add(p, i)) }

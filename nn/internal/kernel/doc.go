// Package kernel holds the arithmetic of the engine: convolutions, pooling,
// resizing and element-wise work on float32 planes, and 1x1 and depthwise
// convolutions on planes of bytes; each in pure Go and, where the processor
// allows, in AVX2, AVX-VNNI, AVX-512 or NEON assembly.
//
// GEMMs are in gemm*.go: gemm.go in float32, gemm_dot.go what int8 and bfloat16
// share. X_amd64.go and X_arm64.go call the assembly of an architecture,
// X_generic.go stands in elsewhere; generated are X_SET_ARCH.s with its stubs and
// X_switch_ARCH.go, which calls a kernel by its shape.
//
// # Memory
//
// Data is planar with batch 1. A [Plane] is the address of the first float32 of
// a dense image of H rows and W columns without row padding. Planes live in an
// arena the caller owns and keeps alive. In front of and behind every plane lie
// at least [Guard](W) floats that are zero and stay zero; two neighbouring
// planes may share them. The arena ends with [Slack] more readable floats on
// both sides; [Stride] is a good distance from one plane to the next. Kernels
// read guards and slack, but write exactly the H*W floats of their output
// planes.
//
// Planes of bytes need no guards, but [ByteSlack] bytes behind them that may be
// read, and of which the first 16 may be written. A [Quant] says what their bytes
// stand for.
//
// An operation takes one slice of planes for each operand. A channel shuffle, a
// split or a concatenation is therefore a permutation of such a slice and costs
// nothing. Output planes must not alias input planes, except where a kernel
// says so.
//
// # Kernel objects
//
// A kernel that needs preparation is an object made once by its New function,
// which packs the weights for one [ISA]. It is read-only afterwards: any number
// of goroutines may run it at the same time on different outputs. Work is cut
// into Units independent units; Run does units u0 to u1-1 and allocates nothing.
// The result does not depend on how the units are divided among calls.
//
// Kernels trust their caller: New functions panic when a weight slice does not
// fit the shape, Run functions check nothing.
package kernel

//go:generate sh -c "cd _generate && go run . && go run ./neon"

// Package nn is riffle's inference engine: a graph builder that reads like a
// paper's table, and a compiler that turns a graph, its weights and an input
// size into a plan that runs without allocating.
//
// Values are float32, batch 1, stored as planes: one dense H*W row-major block
// per channel, reached through a table of plane addresses. Channel shuffle,
// split, slice and concat only rearrange such tables at compile time, so they
// cost nothing when the plan runs (docs/architecture.md tells why this layout
// was chosen). In an Int8 plan, planes that only int8 layers read hold bytes.
//
// Where to look: graph.go has the builder and shape.go the sizes; lower.go and
// fuse.go turn nodes into steps, commute_upsample.go moves convolutions before
// upsampling, memoryplan.go places planes, quantize.go settles which hold bytes,
// compile.go binds kernels; runner.go shares a run among threads, threadpool.go
// owns those; calibrate.go finds ranges.
package nn

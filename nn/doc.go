// Package nn is riffle's inference engine: a graph builder that reads like a
// paper's table, and a compiler that turns a graph, its weights and an input
// size into a plan that runs without allocating.
//
// Values are float32, batch 1, stored as planes: one dense H*W row-major block
// per channel, reached through a table of plane addresses. Channel shuffle,
// split, slice and concat only rearrange such tables at compile time, so they
// cost nothing when the plan runs (docs/architecture.md tells why this layout
// was chosen).
package nn

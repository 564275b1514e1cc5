package isa

// detect needs to ask nobody: vectors of four floats and FMA are part of every
// processor of 64 bits that Go supports.
func detect() []ISA { return []ISA{NEON} }

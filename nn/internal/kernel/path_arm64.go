package kernel

// archPaths needs to ask nobody: vectors of four floats and FMA are part of
// every processor of 64 bits that Go supports.
func archPaths() []Path { return []Path{NEON} }

//go:build !arm64

package kernel

// saturates tells what the processor's conversion makes of a float that no 32-bit
// integer holds: the least one.
const saturates = false

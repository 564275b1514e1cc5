package kernel

// saturates tells what the processor's conversion makes of a float that no 32-bit
// integer holds: the nearest one, and 0 of NaN.
const saturates = true

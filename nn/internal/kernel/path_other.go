//go:build !amd64 && !arm64

package kernel

func archPaths() []Path { return nil }

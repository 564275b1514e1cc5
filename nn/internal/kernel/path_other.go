//go:build !amd64

package kernel

func archPaths() []Path { return nil }

//go:build !amd64 && !arm64

package kernel

func int8Sets() []dotSet { return []dotSet{setGo} }

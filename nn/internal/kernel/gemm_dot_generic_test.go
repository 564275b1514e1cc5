//go:build !amd64

package kernel

func int8Sets() []dotSet { return []dotSet{setGo} }

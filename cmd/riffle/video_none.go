//go:build !opencv

package main

import "errors"

// Run is called by kong.
func (*videoCmd) Run() error {
	return errors.New("this riffle was built without OpenCV: install it (on Debian 12: apt-get install g++ pkg-config libopencv-dev) and build with go build -tags opencv ./cmd/riffle")
}

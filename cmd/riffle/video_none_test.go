//go:build !opencv

package main

import "testing"

func TestVideoWithoutOpenCVSaysHowToGetIt(t *testing.T) {
	command(t, "video", "street.mp4").wantError(t, 1, "go build -tags opencv ./cmd/riffle")
}

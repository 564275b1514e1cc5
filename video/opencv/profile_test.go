//go:build opencv && matprofile

package opencv

import (
	"bytes"
	"testing"

	"gocv.io/x/gocv"
)

func init() {
	leaks = func(t *testing.T) {
		t.Helper()
		if n := gocv.MatProfile.Count(); n != 0 {
			var b bytes.Buffer
			_ = gocv.MatProfile.WriteTo(&b, 1)
			t.Errorf("%d Mats were not closed:\n%s", n, b.String())
		}
	}
}

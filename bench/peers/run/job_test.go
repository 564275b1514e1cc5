//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"example.com/riffle/models"
)

// dump makes a case as bench.py does.
func dump(t *testing.T, network string) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("go", "run", "../dump", "--out", dir, "--photo", "../../../docs/street.jpg", network).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

func TestClassifierReadsItsInput(t *testing.T) {
	dir := dump(t, "shufflenet_v2_x0.5:64")
	j, err := newJob("shufflenet_v2_x0.5", filepath.Join(dir, "shufflenet_v2_x0.5", "64"), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	took, err := j.infer()
	if err != nil {
		t.Fatal(err)
	}
	first := append([]float32(nil), j.result()...)
	if took <= 0 || len(first) != 1000 {
		t.Fatalf("%d logits in %v", len(first), took)
	}
	j.(*classifier).input[5] += 100
	if _, err := j.infer(); err != nil {
		t.Fatal(err)
	}
	for i, v := range j.result() {
		if v != first[i] {
			return
		}
	}
	t.Error("another input gives the same logits: it is not read")
}

func TestDetection(t *testing.T) {
	dir := dump(t, models.Default)
	j, err := newJob(models.Default, filepath.Join(dir, models.Default, "352"), "../../../docs/street.jpg", 1)
	if err != nil {
		t.Fatal(err)
	}
	took, err := j.infer()
	if err != nil {
		t.Fatal(err)
	}
	r := j.result()
	if took <= 0 || len(r) == 0 || len(r)%6 != 0 {
		t.Fatalf("%d numbers in %v", len(r), took)
	}
	for ; len(r) > 0; r = r[6:] {
		if !(r[0] >= 0 && r[2] <= 352.01 && r[0] <= r[2] && r[1] <= r[3] && r[4] > 0 && r[4] <= 1) {
			t.Errorf("a detection is %v", r[:6])
		}
	}
}

package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRealClients calls a server with the client programs that people use. They
// are Python; RIFFLE_CLIENTS_PYTHON names an interpreter that has the packages
// of testdata/clients-requirements.txt. Without it the test is skipped: the
// requests of these programs are tested one by one elsewhere in this package.
func TestRealClients(t *testing.T) {
	python := os.Getenv("RIFFLE_CLIENTS_PYTHON")
	if python == "" {
		t.Skip("RIFFLE_CLIENTS_PYTHON is not set")
	}
	url, _ := running(t, newTestServer(t, &fake{}, nil))
	dir := t.TempDir()
	photo, want := filepath.Join(dir, "photo.jpg"), filepath.Join(dir, "want.json")
	answer := jsonBody(t, Result{Width: 640, Height: 480, Model: "fake", Detections: fakeSees(640, 480)})
	if err := os.WriteFile(photo, jpegOf(t, 640, 480), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, answer, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, filepath.Join("testdata", "clients.py"), url, photo, want).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

package api

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPageInChromium uses the web page in a real browser. RIFFLE_PAGE_TEST names
// a folder with testdata/package.json installed, RIFFLE_PAGE_SHOTS a folder for
// screenshots, if wanted.
func TestPageInChromium(t *testing.T) {
	dir := os.Getenv("RIFFLE_PAGE_TEST")
	if dir == "" {
		t.Skip("RIFFLE_PAGE_TEST is not set")
	}
	url, _ := running(t, newTestServer(t, &fake{}, nil))
	photo := filepath.Join(t.TempDir(), "it's a photo.jpg")
	if err := os.WriteFile(photo, jpegOf(t, 640, 480), 0o600); err != nil {
		t.Fatal(err)
	}
	// Modules are looked up from where the script lies.
	script := filepath.Join(dir, "page.mjs")
	source, err := os.ReadFile(filepath.Join("testdata", "page.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, source, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{script, url, photo}
	if shots := os.Getenv("RIFFLE_PAGE_SHOTS"); shots != "" {
		args = append(args, shots)
	}
	out, err := exec.Command("node", args...).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every curl that the documentation shows is one that works.
func TestDocumentedRequests(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	docs, err := filepath.Abs(filepath.Join("..", "..", "docs"))
	if err != nil {
		t.Fatal(err)
	}
	// curl as everyone has it, but for its exit code.
	dir := put(t, map[string][]byte{"curl": fmt.Appendf(nil, "#!%s\nexec %s -sS --fail-with-body --max-time 60 \"$@\"\n", bash, curl)})
	if err := os.Chmod(filepath.Join(dir, "curl"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{
		"docs": docs, "street.jpg": filepath.Join(docs, "street.jpg"),
		"a.jpg": filepath.Join(docs, "street.jpg"), "b.jpg": filepath.Join(docs, "street.jpg"),
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))

	classifies := filepath.Join("..", "..", "testdata", "tiny_classifier.safetensors")
	s := serve(t, "--model", "riffle-v2-1.5x,ipcam-combined=riffle-v2-1.5x,"+classifies+","+importSegmenter(t, t.TempDir()))
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	host := regexp.MustCompile(`localhost:\d+`)
	for _, page := range []string{"api.md", "quickstart.md", "coming-from.md", "home-assistant.md", "frigate.md"} {
		text, err := os.ReadFile(filepath.Join(docs, page))
		if err != nil {
			t.Fatal(err)
		}
		commands := shellCommands(t, bash, string(text))
		if len(commands) < 2 {
			t.Errorf("%s: %d requests found", page, len(commands))
		}
		t.Logf("%s: %d requests", page, len(commands))
		for _, command := range commands {
			run := exec.Command(bash, "-c", "set -euo pipefail\n"+host.ReplaceAllString(command, "127.0.0.1:"+port))
			run.Dir = dir
			if out, err := run.CombinedOutput(); err != nil {
				t.Errorf("%s: %s\n%v\n%.500s", page, command, err, out)
			}
		}
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// shellCommands are the commands among a page's indented lines that send
// requests; one goes on until bash finds it complete.
func shellCommands(t *testing.T, bash, page string) []string {
	t.Helper()
	var commands []string
	current := ""
	for line := range strings.Lines(page) {
		text := strings.TrimSpace(line)
		if current == "" {
			word, _, _ := strings.Cut(text, " ")
			if !strings.HasPrefix(line, "    ") || word != "curl" && word != "printf" && word != "for" {
				continue
			}
		}
		current += text + "\n"
		if strings.HasSuffix(text, "|") || strings.HasSuffix(text, `\`) || exec.Command(bash, "-n", "-c", current).Run() != nil {
			continue
		}
		commands = append(commands, current)
		current = ""
	}
	if current != "" {
		t.Errorf("this never ends: %s", current)
	}
	return commands
}

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// remeasure runs the evaluations that know their arguments on shared/data/val.
func remeasure(groups map[string]*group, shared string) error {
	bin := filepath.Join(os.TempDir(), "riffle-figures")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/riffle").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	defer os.Remove(bin)
	commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return err
	}
	val := filepath.Join(shared, "data", "val")
	for name, g := range groups {
		if g.Args == nil {
			continue
		}
		args := append([]string{"eval", "--images", filepath.Join(val, "images"), "--annotations", filepath.Join(val, "instances.json"), "--json"}, g.Args...)
		cmd := exec.Command(bin, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		var got map[string]any
		if err := json.Unmarshal(out, &got); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, key := range []string{"AP", "AP50", "AP75", "APs", "APm", "APl", "AR100"} {
			if v, ok := got[key].(float64); ok {
				g.Values[key] = math.Round(10_000*v) / 100 // percent with two digits
			}
		}
		g.Machine, g.Date, g.Commit = processor(), time.Now().Format(time.DateOnly), strings.TrimSpace(string(commit))
	}
	return nil
}

// processor is the name that Linux tells.
func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

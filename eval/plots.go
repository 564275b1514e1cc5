package eval

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WritePlots draws the report as SVG files into dir, which is made if need be:
// pr_curve.svg, confidence.svg, reliability.svg, sizes.svg, tide.svg, class_ap.svg and
// confusion.svg if there is truth, speed.svg if there are timings. It returns the
// files' paths.
func (r *Report) WritePlots(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("plots: %w", err)
	}
	var out []string
	for _, c := range r.charts() {
		path := filepath.Join(dir, c.name+".svg")
		if err := replaceFile(path, func(w io.Writer) error { _, err := io.WriteString(w, c.file(r.Title)); return err }); err != nil {
			return out, fmt.Errorf("plots: %w", err)
		}
		out = append(out, path)
	}
	return out, nil
}

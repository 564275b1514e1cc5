package eval

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WritePlots draws the report as PNG files into dir, which is made if need be:
// pr_curve.png, sizes.png, tide.png, class_ap.png and confusion.png if there
// is truth, speed.png if there are timings. It returns the files' paths.
func (r *Report) WritePlots(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("plots: %w", err)
	}
	var out []string
	for _, c := range r.charts() {
		path := filepath.Join(dir, c.name+".png")
		if err := replaceFile(path, func(w io.Writer) error { return c.png(w, r.Title) }); err != nil {
			return out, fmt.Errorf("plots: %w", err)
		}
		out = append(out, path)
	}
	return out, nil
}

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"example.com/riffle/detector"
	"example.com/riffle/internal/suggest"
)

// labelFilter is what --labels asks for: the wanted labels, each with its own
// threshold or -1 for that of all. Nil lets everything pass.
type labelFilter map[string]float32

// parseLabels reads "person,traffic light:0.6" and holds the names against the
// model's. Upper and lower case are the same, and so are ' ', '_' and '-'.
func parseLabels(list string, classes []detector.Class) (labelFilter, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var names []string
	known := map[string]string{}
	for _, c := range classes {
		names = append(names, c.Name)
		known[foldLabel(c.Name)] = c.Name
	}
	f := labelFilter{}
	for item := range strings.SplitSeq(list, ",") {
		label, own, has := strings.Cut(item, ":")
		label = strings.TrimSpace(label)
		name, ok := known[foldLabel(label)]
		if !ok {
			return nil, fmt.Errorf("--labels: unknown label %q%s", label, suggest.Hint(label, names))
		}
		f[name] = -1
		if has {
			t, err := strconv.ParseFloat(strings.TrimSpace(own), 32)
			if err != nil || !(t >= 0 && t <= 1) {
				return nil, fmt.Errorf("--labels: threshold of %q must be from 0 to 1, not %q", name, own)
			}
			f[name] = float32(t)
		}
	}
	return f, nil
}

func foldLabel(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ' ' || r == '_' || r == '-' }), " ")
}

// query is what a detector must be asked for, so that nothing is missing of
// what keep lets pass.
func (f labelFilter) query(threshold float64) detector.Filter {
	q := detector.Filter{Threshold: detector.Above(threshold), MaxDetections: math.MaxInt32}
	for label, own := range f {
		q.Labels = append(q.Labels, label)
		if own >= 0 {
			q.Threshold = min(q.Threshold, detector.Above(float64(own)))
		}
	}
	return q
}

// keep returns the first of found, at most limit, that pass.
func (f labelFilter) keep(found []detector.Detection, threshold float32, limit int) []detector.Detection {
	var kept []detector.Detection
	for _, d := range found {
		need := threshold
		if f != nil {
			own, wanted := f[d.Label]
			if !wanted {
				continue
			}
			if own >= 0 {
				need = own
			}
		}
		if d.Score >= need && len(kept) < limit {
			kept = append(kept, d)
		}
	}
	return kept
}

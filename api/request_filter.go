package api

import (
	"strconv"

	"example.com/riffle/detector"
)

// filter is what a request asks for, checked against its model.
type filter struct {
	threshold float32
	most      int
	labels    map[string]float32 // wanted ones with their thresholds; nil for all
	regions   []regionFilter
}

// defaults are a route's values where a request names none.
type defaults struct {
	threshold     float64
	maxDetections int
}

// resolve checks the parameters against an open model's labels.
func (p *params) resolve(labels *labelIndex, d defaults) (*filter, error) {
	f := &filter{threshold: float32(d.threshold), most: d.maxDetections}
	if p.threshold != nil {
		f.threshold = float32(*p.threshold)
	}
	if p.maxDetections != nil {
		f.most = *p.maxDetections
	}
	var err error
	if f.labels, err = resolveLabels(labels, p.labels, f.threshold); err != nil {
		return nil, err
	}
	if len(p.regions) > maxRegions {
		return nil, failf(kindBadParameter, "%d regions, at most %d allowed", len(p.regions), maxRegions)
	}
	for i := range p.regions {
		r := p.regions[i]
		if r.Name == "" {
			r.Name = strconv.Itoa(i + 1)
		}
		if len(r.Labels) == 0 {
			r.Labels = p.labels
		}
		checked, err := r.resolve(labels, f.threshold)
		if err != nil {
			return nil, err
		}
		f.regions = append(f.regions, checked)
	}
	return f, nil
}

func resolveLabels(labels *labelIndex, rules []labelRule, threshold float32) (map[string]float32, error) {
	if len(rules) == 0 {
		return nil, nil //nolint:nilnil // nil means every label
	}
	wanted := make(map[string]float32, len(rules))
	for _, rule := range rules {
		name, err := labels.find(rule.label)
		if err != nil {
			return nil, err
		}
		wanted[name] = threshold
		if rule.threshold != nil {
			wanted[name] = float32(*rule.threshold)
		}
	}
	return wanted, nil
}

// apply keeps what was asked for of detections that are sorted by score. width
// and height are the picture's.
func (f *filter) apply(all []detector.Detection, width, height int) []found {
	kept := make([]found, 0, min(len(all), f.most))
	for _, d := range all {
		if len(kept) == f.most {
			break
		}
		if len(f.regions) == 0 {
			if passes(f.labels, f.threshold, &d) {
				kept = append(kept, found{Detection: d})
			}
			continue
		}
		var in []string
		for i := range f.regions {
			if r := &f.regions[i]; passes(r.labels, r.threshold, &d) && r.holds(d.Box, width, height) {
				in = append(in, r.name)
			}
		}
		if in != nil {
			kept = append(kept, found{d, in})
		}
	}
	return kept
}

func passes(labels map[string]float32, threshold float32, d *detector.Detection) bool {
	if labels != nil {
		own, wanted := labels[d.Label]
		return wanted && d.Score >= own
	}
	return d.Score >= threshold
}

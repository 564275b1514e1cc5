package api

import "example.com/riffle/detector"

// doodsFilter keeps what DOODS keeps: a label's own entry goes before "*", the
// whole picture's rules before the regions', and the first region that lets an
// object pass is named. A request without any rules gets what this service
// shows by default.
func (s *Server) doodsFilter(req *DoodsRequest) func([]detector.Detection, int, int) []found {
	least := s.cfg.Threshold * 100
	whole := doodsRules(req.Detect, least)
	if len(req.Detect) == 0 && len(req.Regions) == 0 {
		whole = map[string]float64{"*": least}
	}
	regions := make([]map[string]float64, len(req.Regions))
	for i := range regions {
		regions[i] = doodsRules(req.Regions[i].Detect, least)
	}
	return func(all []detector.Detection, width, height int) []found {
		kept := make([]found, 0, len(all))
		for _, d := range all {
			if doodsPasses(whole, &d) {
				kept = append(kept, found{Detection: d})
				continue
			}
			for i := range req.Regions {
				if r := &req.Regions[i]; r.holds(d.Box, width, height) && doodsPasses(regions[i], &d) {
					f := found{Detection: d}
					if r.ID != "" {
						f.regions = []string{string(r.ID)}
					}
					kept = append(kept, f)
					break
				}
			}
		}
		return kept
	}
}

// doodsRules has the labels in their normal form. A confidence of 0, which Home
// Assistant sends where none is configured, means the service's own: DOODS's
// models told little below 30 %, this one tells all that it guesses.
func doodsRules(detect map[string]looseNumber, least float64) map[string]float64 {
	rules := make(map[string]float64, len(detect))
	for label, confidence := range detect {
		rules[normalLabel(label)] = float64(confidence)
		if confidence <= 0 {
			rules[normalLabel(label)] = least
		}
	}
	return rules
}

func doodsPasses(rules map[string]float64, d *detector.Detection) bool {
	least, ok := rules[normalLabel(d.Label)]
	if !ok {
		if least, ok = rules["*"]; !ok {
			return false
		}
	}
	return float64(d.Score)*100 >= least
}

func (r *DoodsRegion) holds(b detector.Box, width, height int) bool {
	rl, rt, rr, rb := float64(r.Left), float64(r.Top), float64(r.Right), float64(r.Bottom)
	left, right := float64(b.X1)/float64(width), float64(b.X2)/float64(width)
	top, bottom := float64(b.Y1)/float64(height), float64(b.Y2)/float64(height)
	if r.Covers {
		return top >= rt && left >= rl && bottom <= rb && right <= rr
	}
	return top <= rb && left <= rr && bottom >= rt && right >= rl
}

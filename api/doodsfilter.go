package api

// doodsFilter keeps what DOODS keeps: a label's own entry goes before "*", the
// whole picture's rules before the regions', and the first region that lets an
// object pass is named. A request without any rules gets what this service
// shows by default.
func (s *Server) doodsFilter(req *DoodsRequest) func([]Detection, int, int) []Detection {
	whole := doodsRules(req.Detect)
	if len(req.Detect) == 0 && len(req.Regions) == 0 {
		whole = map[string]float64{"*": s.cfg.Threshold * 100}
	}
	regions := make([]map[string]float64, len(req.Regions))
	for i := range regions {
		regions[i] = doodsRules(req.Regions[i].Detect)
	}
	return func(found []Detection, width, height int) []Detection {
		kept := make([]Detection, 0, len(found))
		for _, d := range found {
			d.Regions = nil
			if doodsPasses(whole, d) {
				kept = append(kept, d)
				continue
			}
			for i := range req.Regions {
				if r := &req.Regions[i]; r.holds(d.Box, width, height) && doodsPasses(regions[i], d) {
					if r.ID != "" {
						d.Regions = []string{r.ID}
					}
					kept = append(kept, d)
					break
				}
			}
		}
		return kept
	}
}

// doodsRules has the labels in their normal form.
func doodsRules(detect map[string]float64) map[string]float64 {
	rules := make(map[string]float64, len(detect))
	for label, confidence := range detect {
		rules[normalLabel(label)] = confidence
	}
	return rules
}

func doodsPasses(rules map[string]float64, d Detection) bool {
	least, ok := rules[normalLabel(d.Label)]
	if !ok {
		if least, ok = rules["*"]; !ok {
			return false
		}
	}
	return float64(d.Score)*100 >= least
}

func (r *DoodsRegion) holds(box [4]float32, width, height int) bool {
	left, right := float64(box[0])/float64(width), float64(box[2])/float64(width)
	top, bottom := float64(box[1])/float64(height), float64(box[3])/float64(height)
	if r.Covers {
		return top >= r.Top && left >= r.Left && bottom <= r.Bottom && right <= r.Right
	}
	return top <= r.Bottom && left <= r.Right && bottom >= r.Top && right >= r.Left
}

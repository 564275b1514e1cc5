package api

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"example.com/riffle/internal/suggest"
)

// params is what a request asks for, as it was written: in the query, in form
// fields or in JSON. What stands in the body wins over the query.
type params struct {
	model         string
	threshold     *float64
	maxDetections *int
	labels        []labelRule
	regions       []Region
	url           string // of the picture, if it does not come with the request
	top           *int   // of /classify
	show          string // of /segment
	classMap      bool   // of /segment

	names []string // that may be set; nil means paramNames
}

// labelRule is a wanted label, with a threshold of its own or nil.
type labelRule struct {
	label     string
	threshold *float64
}

// paramNames are the names that query and form fields may have, but for
// /classify and /segment.
var paramNames = []string{"threshold", "max_detections", "labels", "regions", "model", "url"}

// setQuery reads the query; anything unknown is refused, for a misspelt
// threshold would else be ignored in silence.
func (p *params) setQuery(rawQuery string) error {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return failf(kindBadParameter, "query cannot be read: %v", err)
	}
	for _, name := range sortedKeys(values) {
		for _, v := range values[name] {
			if err := p.set(name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// set reads one parameter from its text.
func (p *params) set(name, value string) error {
	value = strings.TrimSpace(value)
	names := p.names
	if names == nil {
		names = paramNames
	}
	if !slices.Contains(names, name) {
		return failf(kindBadParameter, "unknown parameter %q%s", clip(name), suggest.Hint(clip(name), names))
	}
	switch name {
	case "model":
		p.model = value
	case "url":
		p.url = value
	case "threshold":
		t, err := parseThreshold("threshold", value)
		if err != nil {
			return err
		}
		p.threshold = &t
	case "max_detections":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return failf(kindBadParameter, "max_detections must be a whole number of at least 1, not %q", clip(value))
		}
		p.maxDetections = &n
	case "labels":
		rules, err := parseLabels(value)
		if err != nil {
			return err
		}
		p.labels = append(p.labels, rules...)
	case "regions":
		var regions []Region
		if err := unmarshalStrict([]byte(value), &regions); err != nil {
			return failf(kindBadParameter, "regions must be a JSON list of regions: %v", err)
		}
		p.regions = append(p.regions, regions...)
	case "top":
		n, err := strconv.Atoi(value)
		if err != nil {
			return failf(kindBadParameter, "top must be a whole number of at least 1, not %q", clip(value))
		}
		p.top = &n
		return checkTop(n)
	case "show":
		p.show = value
		return checkShow(value)
	case "map":
		v, err := strconv.ParseBool(value)
		if err != nil {
			return failf(kindBadParameter, "map must be true or false, not %q", clip(value))
		}
		p.classMap = v
	}
	return nil
}

func checkTop(n int) error {
	if n < 1 {
		return failf(kindBadParameter, "top must be at least 1, not %d", n)
	}
	return nil
}

func checkShow(what string) error {
	if what != showClasses && what != showOverlay {
		return failf(kindBadParameter, "show must be classes or overlay, not %q", clip(what))
	}
	return nil
}

func parseThreshold(name, value string) (float64, error) {
	t, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return 0, failf(kindBadParameter, "%s must be a number from 0 to 1, not %q", name, clip(value))
	}
	return t, checkThreshold(name, t)
}

func checkThreshold(name string, t float64) error {
	if math.IsNaN(t) || t < 0 || t > 1 {
		return failf(kindBadParameter, "%s must be from 0 to 1, not %v", name, t)
	}
	return nil
}

// parseLabels reads "person,car:0.6".
func parseLabels(value string) ([]labelRule, error) {
	var rules []labelRule
	for item := range strings.SplitSeq(value, ",") {
		label, own, has := strings.Cut(item, ":")
		label = strings.TrimSpace(label)
		if label == "" {
			if has {
				return nil, failf(kindBadParameter, "labels: no label before %q", clip(":"+own))
			}
			continue
		}
		rule := labelRule{label: label}
		if has {
			t, err := parseThreshold("threshold of label "+strconv.Quote(clip(label)), strings.TrimSpace(own))
			if err != nil {
				return nil, err
			}
			rule.threshold = &t
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// labelRules are labels in JSON: "person,car:0.6", ["person", "car"] or
// {"person": 0.4, "car": 0.6}.
type labelRules []labelRule

func (l *labelRules) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		rules, err := parseLabels(text)
		*l = rules
		return err
	case '[':
		var names []string
		if err := json.Unmarshal(data, &names); err != nil {
			return failf(kindBadJSON, "labels must be a list of names")
		}
		for _, n := range names {
			*l = append(*l, labelRule{label: n})
		}
	case '{':
		var own map[string]float64
		if err := json.Unmarshal(data, &own); err != nil {
			return failf(kindBadJSON, "labels must map names to thresholds")
		}
		for _, n := range sortedKeys(own) {
			t := own[n]
			if err := checkThreshold("threshold of label "+strconv.Quote(clip(n)), t); err != nil {
				return err
			}
			*l = append(*l, labelRule{label: n, threshold: &t})
		}
	case 'n': // null
	default:
		return failf(kindBadJSON, "labels must be text, a list of names or an object of thresholds")
	}
	return nil
}

// sortedKeys makes which of several errors is reported not a matter of chance.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

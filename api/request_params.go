package api

import (
	"cmp"
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

	names []string // that may be set
}

// labelRule is a wanted label, with a threshold of its own or nil.
type labelRule struct {
	label     string
	threshold *float64
}

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
	if !slices.Contains(p.names, name) {
		return failf(kindBadParameter, "unknown parameter %q%s", clip(name), suggest.Hint(clip(name), p.names))
	}
	switch name {
	case "model":
		p.model = value
	case "url":
		p.url = value
	case "threshold":
		t, err := parseNumber("threshold", value)
		if err != nil {
			return err
		}
		p.threshold = &t
	case "max_detections":
		n, err := parseCount("max_detections", value)
		if err != nil {
			return err
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
		n, err := parseCount("top", value)
		if err != nil {
			return err
		}
		p.top = &n
	case "show":
		p.show = value
	case "map":
		v, err := strconv.ParseBool(value)
		if err != nil {
			return failf(kindBadParameter, "map must be true or false, not %q", clip(value))
		}
		p.classMap = v
	}
	return p.check()
}

// check holds the values against what they may be, however they were written.
func (p *params) check() error {
	switch {
	case p.maxDetections != nil && *p.maxDetections < 1:
		return failf(kindBadParameter, "max_detections must be at least 1, not %d", *p.maxDetections)
	case p.top != nil && *p.top < 1:
		return failf(kindBadParameter, "top must be at least 1, not %d", *p.top)
	case p.show != "" && p.show != showClasses && p.show != showOverlay:
		return failf(kindBadParameter, "show must be classes or overlay, not %q", clip(p.show))
	case p.threshold != nil:
		return checkThreshold("threshold", *p.threshold)
	}
	return nil
}

// overlay puts what the body asks for over what the query asks for.
func (p *params) overlay(body params) {
	p.model = cmp.Or(body.model, p.model)
	p.url = cmp.Or(body.url, p.url)
	p.show = cmp.Or(body.show, p.show)
	p.threshold = cmp.Or(body.threshold, p.threshold)
	p.maxDetections = cmp.Or(body.maxDetections, p.maxDetections)
	p.top = cmp.Or(body.top, p.top)
	if body.labels != nil {
		p.labels = body.labels
	}
	if body.regions != nil {
		p.regions = body.regions
	}
	p.classMap = p.classMap || body.classMap
}

// parseNumber reads a number. A comma is a decimal point: some programs write
// numbers as their country does.
func parseNumber(name, value string) (float64, error) {
	v, err := strconv.ParseFloat(strings.Replace(value, ",", ".", 1), 64)
	if err != nil {
		return 0, failf(kindBadParameter, "%s must be a number from 0 to 1, not %q", name, clip(value))
	}
	return v, nil
}

func parseCount(name, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, failf(kindBadParameter, "%s must be an integer of at least 1, not %q", name, clip(value))
	}
	return n, nil
}

func parseThreshold(name, value string) (float64, error) {
	t, err := parseNumber(name, value)
	if err != nil {
		return 0, err
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

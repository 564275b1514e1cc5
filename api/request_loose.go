package api

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Loosely typed values, for protocols whose servers were written in languages
// that turn one type into another: DOODS2 takes "50" for 50, 5 for "5" and "true"
// for true.

// looseNumber is a number, or text that is one.
type looseNumber float64

// UnmarshalJSON reads either.
func (n *looseNumber) UnmarshalJSON(data []byte) error {
	text, ok := scalar(data)
	if !ok {
		return failf(kindBadJSON, "%s must be a number", clip(string(data)))
	}
	switch text {
	case "": // null
		return nil
	case "true":
		*n = 1
		return nil
	case "false":
		*n = 0
		return nil
	}
	v, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || v != v {
		return failf(kindBadJSON, "%s must be a number", clip(string(data)))
	}
	*n = looseNumber(v)
	return nil
}

// looseText is text, or a number or truth value as text.
type looseText string

// UnmarshalJSON reads any of them.
func (t *looseText) UnmarshalJSON(data []byte) error {
	text, ok := scalar(data)
	if !ok {
		return failf(kindBadJSON, "%s must be text", clip(string(data)))
	}
	*t = looseText(text)
	return nil
}

// looseBool is a truth value, a number or a word that means one.
type looseBool bool

// UnmarshalJSON reads any of them.
func (b *looseBool) UnmarshalJSON(data []byte) error {
	text, ok := scalar(data)
	if !ok {
		return failf(kindBadJSON, "%s must be true or false", clip(string(data)))
	}
	switch strings.ToLower(text) {
	case "1", "true", "t", "yes", "y", "on":
		*b = true
	case "", "0", "false", "f", "no", "n", "off":
		*b = false
	default:
		return failf(kindBadJSON, "%s must be true or false", clip(string(data)))
	}
	return nil
}

// looseList is a list of texts, or one text.
type looseList []string

// UnmarshalJSON reads either.
func (l *looseList) UnmarshalJSON(data []byte) error {
	if text, ok := scalar(data); ok {
		*l = nil
		if text != "" {
			*l = looseList{text}
		}
		return nil
	}
	var list []looseText
	if err := json.Unmarshal(data, &list); err != nil {
		return failf(kindBadJSON, "%s must be a list of texts", clip(string(data)))
	}
	*l = make(looseList, len(list))
	for i, t := range list {
		(*l)[i] = string(t)
	}
	return nil
}

// scalar is the text of a JSON value that is no list and no object: "" for null.
func scalar(data []byte) (text string, ok bool) {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0 || data[0] == '[' || data[0] == '{':
		return "", false
	case string(data) == "null":
		return "", true
	case data[0] == '"':
		err := json.Unmarshal(data, &text)
		return strings.TrimSpace(text), err == nil
	}
	return string(data), true
}

package eval

import (
	"fmt"
	"strings"
)

// Omission counts what could not be used, for one reason.
type Omission struct {
	What   string `json:"what"`   // "annotations", "detections", "photos" ...
	Reason string `json:"reason"` // continues the sentence "3 annotations ..."
	Count  int    `json:"count"`
	// Examples are the first of them, at most ten.
	Examples []string `json:"examples"`
}

const mostExamples = 10

// String is the omission in one line.
func (o Omission) String() string {
	return fmt.Sprintf("%d %s %s (first: %s)", o.Count, o.What, o.Reason, o.Examples[0])
}

// Omissions are all that was left out of an evaluation, in the order in which
// the reasons were met: a file with a hundred thousand entries of one fault
// yields one line and not as many.
type Omissions []Omission

// Add counts one more of a kind; format and args say which it is.
func (o *Omissions) Add(what, reason, format string, args ...any) {
	k := o.kind(what, reason)
	k.Count++
	if len(k.Examples) < mostExamples {
		k.Examples = append(k.Examples, strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " "))
	}
}

// Append adds the counts of other omissions.
func (o *Omissions) Append(others Omissions) {
	for _, x := range others {
		k := o.kind(x.What, x.Reason)
		k.Count += x.Count
		room := min(mostExamples-len(k.Examples), len(x.Examples))
		k.Examples = append(k.Examples, x.Examples[:room]...)
	}
}

// kind is the omission of a kind, made if need be.
func (o *Omissions) kind(what, reason string) *Omission {
	for i := range *o {
		if (*o)[i].What == what && (*o)[i].Reason == reason {
			return &(*o)[i]
		}
	}
	*o = append(*o, Omission{What: what, Reason: reason})
	return &(*o)[len(*o)-1]
}

// Total is how many things were left out.
func (o Omissions) Total() int {
	n := 0
	for _, x := range o {
		n += x.Count
	}
	return n
}

// Lines are the omissions as sentences.
func (o Omissions) Lines() []string {
	var out []string
	for _, x := range o {
		out = append(out, x.String())
	}
	return out
}

// clone is a copy that can be added to.
func (o Omissions) clone() Omissions {
	var out Omissions
	out.Append(o)
	return out
}

package eval

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the report for a terminal: the twelve numbers, the sizes,
// TIDE's errors, the most frequent confusions and the classes, the best first,
// all in points from 0 to 100. Without labels it writes the detections by
// class.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.summary())
	if s := r.speed(); s != "" {
		fmt.Fprintf(&b, "%s\n", s)
	}
	if r.Labeled {
		r.textNumbers(&b)
	}
	r.textClasses(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) textNumbers(b *strings.Builder) {
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	all := r.numbers()
	for _, part := range [][]namedNumber{all[:6], all[6:]} {
		for _, n := range part {
			_, _ = fmt.Fprintf(t, "%s\t%s\t", n.Name, n.Value)
		}
		_, _ = fmt.Fprintln(t)
	}
	_ = t.Flush() // a strings.Builder takes everything
	b.WriteString("\nsize\n")
	t = tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "\tobjects\tAP\tAP50\tAR100\t")
	for _, s := range r.Sizes {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t\n", s.Name, s.Objects, points(s.AP), points(s.AP50), points(s.AR100))
	}
	_ = t.Flush()
	b.WriteString("\nerrors and the AP50 they cost\n")
	t = tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, e := range r.TIDE.Errors {
		_, _ = fmt.Fprintf(t, "%v\t%d\t%s\t\n", e.Type, e.Count, points(e.DAP))
	}
	_ = t.Flush()
	if mistakes := r.Confusion.Mistakes(5); len(mistakes) > 0 {
		fmt.Fprintf(b, "\nmost frequent confusions at score %.3g\n", r.Threshold)
		for _, m := range mistakes {
			fmt.Fprintf(b, "  %s found as %s: %d\n", m.Truth.Name, m.Found.Name, m.Count)
		}
	}
}

func (r *Report) textClasses(b *strings.Builder) {
	classes := slices.DeleteFunc(slices.Clone(r.Classes), func(c ClassReport) bool { return c.Objects == 0 && c.Detections == 0 })
	if len(classes) == 0 {
		return
	}
	slices.SortStableFunc(classes, func(x, y ClassReport) int {
		return cmp.Or(cmp.Compare(y.AP, x.AP), cmp.Compare(y.Detections, x.Detections))
	})
	b.WriteString("\nclasses\n")
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !r.Labeled {
		_, _ = fmt.Fprintln(t, "\tfound\t")
		for _, c := range classes {
			_, _ = fmt.Fprintf(t, "%s\t%d\t\n", c.Name, c.Detections)
		}
		_ = t.Flush()
		return
	}
	_, _ = fmt.Fprintln(t, "\tobjects\tfound\tAP\tAP50\tAP75\tAR100\tprecision\trecall\t")
	for _, c := range classes {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t\n", c.Name, c.Objects, c.Detections,
			points(c.AP), points(c.AP50), points(c.AP75), points(c.AR100), points(c.Precision), points(c.Recall))
	}
	_ = t.Flush()
}

package main

import (
	"fmt"
	"io"

	"example.com/riffle/eval"
)

// column is one set of numbers in the table for people.
type column struct {
	title  string
	report *eval.Report
}

var metricRows = []struct {
	name, what string
	of         func(*eval.Metrics) float64
}{
	{"AP", "IoU 0.50:0.95", func(m *eval.Metrics) float64 { return m.AP }},
	{"AP50", "IoU 0.50", func(m *eval.Metrics) float64 { return m.AP50 }},
	{"AP75", "IoU 0.75", func(m *eval.Metrics) float64 { return m.AP75 }},
	{"APs", "small, below 32x32", func(m *eval.Metrics) float64 { return m.APs }},
	{"APm", "medium, to 96x96", func(m *eval.Metrics) float64 { return m.APm }},
	{"APl", "large", func(m *eval.Metrics) float64 { return m.APl }},
	{"AR1", "1 detection a photo and class", func(m *eval.Metrics) float64 { return m.AR1 }},
	{"AR10", "10 detections", func(m *eval.Metrics) float64 { return m.AR10 }},
	{"AR100", "100 detections", func(m *eval.Metrics) float64 { return m.AR100 }},
	{"ARs", "small", func(m *eval.Metrics) float64 { return m.ARs }},
	{"ARm", "medium", func(m *eval.Metrics) float64 { return m.ARm }},
	{"ARl", "large", func(m *eval.Metrics) float64 { return m.ARl }},
}

// printMetrics writes COCO's twelve numbers in percent. Of two columns it also
// shows what the second adds to the first.
func printMetrics(w io.Writer, columns []column) error {
	for _, c := range columns {
		r := c.report
		fmt.Fprintf(w, "%s: %d photos, %d detections, %.1f s", c.title, r.Images, r.Detections, r.Seconds)
		if r.Seconds > 0 && len(r.Timings) > 0 {
			fmt.Fprintf(w, " (%.1f photos a second)", float64(len(r.Timings))/r.Seconds)
		}
		fmt.Fprintln(w)
	}
	if !columns[0].report.Labeled {
		_, err := fmt.Fprintln(w, "There are no labels to score against.")
		return err
	}
	t := table{head: []string{"percent", ""}}
	for i, c := range columns {
		t.head = append(t.head, c.title)
		t.right += fmt.Sprint(i + 2)
	}
	if len(columns) == 2 {
		t.head = append(t.head, "added")
		t.right += "4"
	}
	for _, m := range metricRows {
		row := []string{m.name, m.what}
		known := true
		for _, c := range columns {
			v := m.of(&c.report.Metrics)
			row = append(row, percent(v))
			known = known && v >= 0
		}
		switch {
		case len(columns) == 2 && known:
			row = append(row, fmt.Sprintf("%+.1f", 100*(m.of(&columns[1].report.Metrics)-m.of(&columns[0].report.Metrics))))
		case len(columns) == 2:
			row = append(row, "-")
		}
		t.row(row...)
	}
	return t.print(w)
}

// percent writes a fraction, or "-" for COCO's -1: no such objects.
func percent(v float64) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", 100*v)
}

package eval

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// writeMarkdown writes the report as GitHub's Markdown, in points from 0 to 100.
func (r *Report) writeMarkdown(w io.Writer) error {
	m := &markdown{}
	m.line("# " + escapeMarkdown(cmp.Or(r.Title, "Evaluation")))
	if r.Incomplete != "" {
		m.line("**Not the whole data set: " + escapeMarkdown(r.Incomplete) + ".**")
	}
	m.line(escapeMarkdown(r.summary()) + ".")
	m.table([]string{"run", ""}, len(r.Facts), func(i int) []string { return []string{r.Facts[i].Name, r.Facts[i].Value} })
	if r.Labeled {
		r.markdownNumbers(m)
	}
	r.markdownClasses(m)
	if r.Labeled {
		r.markdownErrors(m)
	}
	if len(r.LeftOut) > 0 {
		m.line("## Left out")
		m.table([]string{"what", "why", "first", "count"}, len(r.LeftOut), func(i int) []string {
			o := r.LeftOut[i]
			return []string{o.What, o.Reason, o.Examples[0], strconv.Itoa(o.Count)}
		})
	}
	for _, n := range r.Notes {
		m.line("- " + escapeMarkdown(n))
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

func (r *Report) markdownNumbers(m *markdown) {
	m.line("## Numbers")
	head := []string{"", "", "points"}
	if r.Before != nil {
		head = append(head, r.Before.Title, "change")
	}
	numbers := r.numbers()
	var before []namedNumber
	if r.Before != nil {
		before = r.Before.numbers()
	}
	m.table(head, len(numbers), func(i int) []string {
		row := []string{numbers[i].Name, numbers[i].Help, points(numbers[i].value)}
		if before != nil {
			row = append(row, points(before[i].value), change(numbers[i].value, before[i].value))
		}
		return row
	})
	if best := r.bestLine(); best != "" {
		m.line(best)
	}
	m.line("## By size")
	m.table([]string{"size", "objects", "AP", "AP50", "AR100"}, len(r.Sizes), func(i int) []string {
		s := r.Sizes[i]
		return []string{s.Name, strconv.Itoa(s.Objects), points(s.AP), points(s.AP50), points(s.AR100)}
	})
}

func (r *Report) markdownClasses(m *markdown) {
	m.line("## Classes")
	if !r.Labeled {
		m.table([]string{"class", "found"}, len(r.Classes), func(i int) []string {
			return []string{r.Classes[i].Name, strconv.Itoa(r.Classes[i].Detections)}
		})
		return
	}
	before := make(map[int]float64)
	head := []string{"class", "objects", "found", "AP", "AP50", "AP75", "AR100", "precision", "recall", "best F1", "at score"}
	if r.Before != nil {
		head = append(head, "change of AP")
		for _, c := range r.Before.Classes {
			before[c.ID] = c.AP
		}
	}
	m.table(head, len(r.Classes), func(i int) []string {
		c := r.Classes[i]
		row := []string{c.Name, strconv.Itoa(c.Objects), strconv.Itoa(c.Detections), points(c.AP), points(c.AP50), points(c.AP75), points(c.AR100),
			points(c.Precision), points(c.Recall), points(c.Best.F1), bestScore(c.Best)}
		if r.Before != nil {
			row = append(row, change(c.AP, before[c.ID]))
		}
		return row
	})
	m.line(fmt.Sprintf("Precision and recall at score %.3g and IoU 0.5.", r.Threshold))
}

// bestScore is the threshold of the best F1, a dash where there are no objects.
func bestScore(p ConfidencePoint) string {
	if p.F1 < 0 {
		return "–"
	}
	return strconv.FormatFloat(p.Threshold, 'f', 3, 64)
}

// change is a difference in points, with its sign.
func change(now, before float64) string {
	if now < 0 || before < 0 {
		return "–"
	}
	return fmt.Sprintf("%+.1f", 100*(now-before))
}

func (r *Report) markdownErrors(m *markdown) {
	m.line("## Errors and the AP50 they cost")
	m.table([]string{"error", "count", "cost"}, len(r.TIDE.Errors), func(i int) []string {
		e := r.TIDE.Errors[i]
		return []string{e.Type.String(), strconv.Itoa(e.Count), points(e.DAP)}
	})
	mistakes := r.Confusion.Mistakes(20)
	if len(mistakes) == 0 {
		return
	}
	m.line(fmt.Sprintf("## Most frequent confusions at score %.3g", r.Threshold))
	m.table([]string{"truth", "found as", "count"}, len(mistakes), func(i int) []string {
		return []string{mistakes[i].Truth.Name, mistakes[i].Found.Name, strconv.Itoa(mistakes[i].Count)}
	})
}

// markdown gathers paragraphs and tables.
type markdown struct{ b strings.Builder }

func (m *markdown) line(s string) { m.b.WriteString(s + "\n\n") }

func (m *markdown) table(head []string, rows int, row func(i int) []string) {
	if rows == 0 {
		return
	}
	write := func(cells []string) {
		for _, c := range cells {
			m.b.WriteString("| " + escapeMarkdown(c) + " ")
		}
		m.b.WriteString("|\n")
	}
	write(head)
	m.b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for i := range rows {
		write(row(i))
	}
	m.b.WriteString("\n")
}

// escapeMarkdown keeps names from being markup or from extension a cell.
func escapeMarkdown(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "`", "\\`", "[", `\[`, "_", `\_`).Replace(s)
}

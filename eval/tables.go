package eval

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteTables writes the report for other programs into dir, which is made if
// need be: report.json (everything), report.md (for people), and with labels
// classes.csv, errors.csv (TIDE), confusion.csv, confidence.csv and reliability.csv. It returns
// the files' paths. Fractions go from 0 to 1; where there is nothing to compute
// one from, JSON has -1 as pycocotools does and CSV an empty field.
func (r *Report) WriteTables(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	type file struct {
		name  string
		write func(io.Writer) error
	}
	list := []file{{"report.json", r.writeJSON}, {"report.md", r.writeMarkdown}, {"classes.csv", r.writeClasses}}
	if r.Labeled {
		list = append(list, file{"errors.csv", r.writeErrors}, file{"confusion.csv", r.writeConfusion}, file{"confidence.csv", r.writeConfidence}, file{"reliability.csv", r.writeReliability})
	}
	var out []string
	for _, f := range list {
		path := filepath.Join(dir, f.name)
		if err := replaceFile(path, f.write); err != nil {
			return out, fmt.Errorf("tables: %w", err)
		}
		out = append(out, path)
	}
	return out, nil
}

// reportJSON is the form of report.json.
type reportJSON struct {
	Title       string            `json:"title"`
	Run         map[string]string `json:"run"`
	Incomplete  string            `json:"incomplete,omitempty"`
	Format      Format            `json:"format"`
	Metrics     Metrics           `json:"metrics"`
	Objects     int               `json:"objects"`
	Detections  int               `json:"detections"`
	Threshold   float64           `json:"threshold"`
	Best        *ConfidencePoint  `json:"best_threshold,omitempty"`
	Confidence  []ConfidencePoint `json:"confidence,omitempty"`
	Reliability *Reliability      `json:"reliability,omitempty"`
	Sizes       []sizeJSON        `json:"sizes,omitempty"`
	Classes     []classJSON       `json:"classes"`
	Errors      []errorJSON       `json:"errors,omitempty"`
	Positives   *float64          `json:"false_positives_cost,omitempty"`
	Negatives   *float64          `json:"false_negatives_cost,omitempty"`
	Confusion   []confusionJSON   `json:"confusion,omitempty"`
	Compared    *comparedJSON     `json:"compared,omitempty"`
	LeftOut     Omissions         `json:"left_out"`
	Notes       []string          `json:"notes"`
}

type sizeJSON struct {
	Name    string  `json:"name"`
	From    float64 `json:"from_area"`
	To      float64 `json:"to_area"`
	Objects int     `json:"objects"`
	AP      float64 `json:"AP"`
	AP50    float64 `json:"AP50"`
	AR100   float64 `json:"AR100"`
}

type classJSON struct {
	ID         json.RawMessage  `json:"category_id"`
	Name       string           `json:"name"`
	Objects    int              `json:"objects"`
	Detections int              `json:"detections"`
	AP         float64          `json:"AP"`
	AP50       float64          `json:"AP50"`
	AP75       float64          `json:"AP75"`
	APs        float64          `json:"APs"`
	APm        float64          `json:"APm"`
	APl        float64          `json:"APl"`
	AR100      float64          `json:"AR100"`
	Precision  float64          `json:"precision"`
	Recall     float64          `json:"recall"`
	Best       *ConfidencePoint `json:"best_threshold,omitempty"`
}

type errorJSON struct {
	Type  string  `json:"type"`
	Count int     `json:"count"`
	DAP   float64 `json:"AP50_cost"`
}

// confusionJSON is one cell; an absent side is the background.
type confusionJSON struct {
	Truth string `json:"truth,omitempty"`
	Found string `json:"found,omitempty"`
	Count int    `json:"count"`
}

type comparedJSON struct {
	Title   string       `json:"title"`
	Metrics Metrics      `json:"metrics"`
	Classes []changeJSON `json:"classes"`
}

type changeJSON struct {
	Name   string  `json:"name"`
	AP     float64 `json:"AP"`
	Before float64 `json:"AP_compared"`
}

func (r *Report) writeJSON(w io.Writer) error {
	out := reportJSON{
		Title: r.Title, Run: map[string]string{}, Incomplete: r.Incomplete, Format: r.Format, Metrics: r.Metrics,
		Objects: r.Objects, Detections: r.Detections, Threshold: r.Threshold, Classes: []classJSON{},
		LeftOut: r.LeftOut, Notes: r.Notes,
	}
	for _, f := range r.Facts {
		out.Run[f.Name] = f.Value
	}
	if out.LeftOut == nil {
		out.LeftOut = Omissions{}
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	for _, c := range r.Classes {
		k := classJSON{json.RawMessage(c.label()), c.Name, c.Objects, c.Detections, c.AP, c.AP50, c.AP75, c.APs, c.APm, c.APl, c.AR100, c.Precision, c.Recall, nil}
		if c.Objects > 0 {
			k.Best = &c.Best
		}
		out.Classes = append(out.Classes, k)
	}
	if r.Labeled {
		r.labeledJSON(&out)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(out)
}

// labeledJSON adds what only labels give.
func (r *Report) labeledJSON(out *reportJSON) {
	if r.Objects > 0 {
		out.Best = &r.Confidence.Best
	}
	out.Confidence = r.Confidence.Points
	out.Reliability = &r.Reliability
	out.Positives, out.Negatives = &r.TIDE.FalsePositives, &r.TIDE.FalseNegatives
	for _, s := range r.Sizes {
		out.Sizes = append(out.Sizes, sizeJSON(s))
	}
	for _, e := range r.TIDE.Errors {
		out.Errors = append(out.Errors, errorJSON{e.Type.String(), e.Count, e.DAP})
	}
	for t, row := range r.Confusion.Counts {
		for f, n := range row {
			if n > 0 {
				out.Confusion = append(out.Confusion, confusionJSON{r.Confusion.name(t, ""), r.Confusion.name(f, ""), n})
			}
		}
	}
	if b := r.Before; b != nil {
		out.Compared = &comparedJSON{Title: b.Title, Metrics: b.Metrics}
		for _, c := range r.Changes(b) {
			out.Compared.Classes = append(out.Compared.Classes, changeJSON{c.Name, c.AP, c.Before})
		}
	}
}

// fraction is a CSV field, empty for -1.
func fraction(v float64) string {
	if v < 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', 6, 64)
}

func fractions(values ...float64) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fraction(v)
	}
	return out
}

// writeRows writes CSV as RFC 4180 has it, with a header.
func writeRows(w io.Writer, rows [][]string) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return c.WriteAll(rows)
}

func (r *Report) writeClasses(w io.Writer) error {
	rows := [][]string{strings.Split("category_id,class,objects,detections,AP,AP50,AP75,APs,APm,APl,AR100,precision,recall,best_threshold,best_F1", ",")}
	for _, c := range r.Classes {
		row := []string{labelText(c.label()), c.Name, strconv.Itoa(c.Objects), strconv.Itoa(c.Detections)}
		row = append(row, fractions(c.AP, c.AP50, c.AP75, c.APs, c.APm, c.APl, c.AR100, c.Precision, c.Recall)...)
		best := ConfidencePoint{Threshold: -1, F1: -1}
		if c.Objects > 0 {
			best = c.Best
		}
		rows = append(rows, append(row, fractions(best.Threshold, best.F1)...))
	}
	return writeRows(w, rows)
}

func (r *Report) writeErrors(w io.Writer) error {
	rows := [][]string{{"error", "count", "AP50_cost"}}
	for _, e := range r.TIDE.Errors {
		rows = append(rows, []string{e.Type.String(), strconv.Itoa(e.Count), fraction(e.DAP)})
	}
	rows = append(rows, []string{"all false positives", "", fraction(r.TIDE.FalsePositives)}, []string{"all false negatives", "", fraction(r.TIDE.FalseNegatives)})
	return writeRows(w, rows)
}

func (r *Report) writeConfusion(w io.Writer) error {
	c := &r.Confusion
	head := []string{`truth \ found`}
	for f := range c.Counts {
		head = append(head, c.name(f, "(nothing)"))
	}
	rows := [][]string{head}
	for t, counts := range c.Counts {
		row := []string{c.name(t, "(nothing)")}
		for _, n := range counts {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, row)
	}
	return writeRows(w, rows)
}

func (r *Report) writeReliability(w io.Writer) error {
	rows := [][]string{{"from", "to", "detections", "mean score", "right"}}
	for _, b := range r.Reliability.Bins {
		row := fractions(b.From, b.To, b.Score, b.Right)
		rows = append(rows, []string{row[0], row[1], strconv.Itoa(b.Detections), row[2], row[3]})
	}
	return writeRows(w, rows)
}

func (r *Report) writeConfidence(w io.Writer) error {
	rows := [][]string{{"threshold", "precision", "recall", "F1"}}
	for _, p := range r.Confidence.Points {
		rows = append(rows, fractions(p.Threshold, p.Precision, p.Recall, p.F1))
	}
	return writeRows(w, rows)
}

package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The frame of charts with two axes: 400 units wide, so that the page shows
// them on a phone with type of a readable size.
const (
	chartWidth  = 400.0
	frameLeft   = 40.0
	frameRight  = 12.0
	frameTop    = 14.0
	frameBottom = 38.0
	typeSize    = 12.0
)

// frame maps values to a plot's rectangle.
type frame struct {
	x0, y0, w, h float64 // of the rectangle
	toX, toY     float64 // values at its right and upper edge; the lower left corner is 0, 0
}

func (f frame) at(x, y float64) point {
	return point{f.x0 + f.w*x/f.toX, f.y0 + f.h - f.h*y/f.toY}
}

// axes draws grid, tick labels and axis titles; steps are in values.
func (f frame) axes(c *canvas, stepX, stepY float64, nameX, nameY string) {
	for i := 0; float64(i)*stepY <= f.toY*1.0001; i++ {
		v := float64(i) * stepY
		p := f.at(0, v)
		c.line([]point{p, {f.x0 + f.w, p.y}}, 1, inkGrid)
		c.text(f.x0-6, p.y+4, short(v), typeSize, inkMuted, anchorEnd)
	}
	for i := 0; float64(i)*stepX <= f.toX*1.0001; i++ {
		v := float64(i) * stepX
		p := f.at(v, 0)
		c.line([]point{p, {p.x, f.y0}}, 1, inkGrid)
		c.text(p.x, p.y+16, short(v), typeSize, inkMuted, anchorMiddle)
	}
	c.text(f.x0+f.w, f.y0+f.h+32, nameX, typeSize, inkMuted, anchorEnd)
	c.text(f.x0+4, f.y0+12, nameY, typeSize, inkMuted, anchorStart)
}

// short writes an axis value without trailing zeros.
func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// points writes a fraction as AP points: 31.4 for 0.314, a dash for -1.
func points(v float64) string {
	if v < 0 {
		return "–"
	}
	return strconv.FormatFloat(100*v, 'f', 1, 64)
}

// niceStep divides a range into about four steps of 1, 2 or 5 times a power of ten.
func niceStep(to float64) float64 {
	if to <= 0 {
		return 1
	}
	raw := to / 4
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// charts lists what the report has something to draw for.
func (r *Report) charts() []chart {
	var out []chart
	if r.Labeled && len(r.Curves) > 0 {
		out = append(out, r.curveChart(), r.confidenceChart(), r.reliabilityChart(), r.sizeChart(), r.tideChart(), r.classChart(), r.confusionChart())
	}
	if c, ok := r.speedChart(); ok {
		out = append(out, c)
	}
	return out
}

var curveFrame = frame{frameLeft, frameTop, chartWidth - frameLeft - frameRight, 280, 1, 1}

func (r *Report) curveChart() chart {
	return chart{"pr_curve", "Precision against recall", chartWidth, frameTop + 280 + frameBottom, func(c *canvas) {
		f := curveFrame
		f.axes(c, 0.2, 0.2, "recall", "")
		for i, curve := range r.Curves {
			line := make([]point, len(curve.Precision))
			for k, p := range curve.Precision {
				line[k] = f.at(recallLevel[k], p)
			}
			c.line(line, 2, [...]ink{inkFirst, inkSecond, inkThird}[i%3])
		}
		var names []string
		for _, curve := range r.Curves {
			names = append(names, fmt.Sprintf("IoU %s: %s", curve.Name, points(curve.AP)))
		}
		f.legend(c, names)
		c.text(f.x0, f.y0+f.h+32, "precision, mean over the classes", typeSize, inkMuted, anchorStart)
	}}
}

func (r *Report) sizeChart() chart {
	const height = 190
	return chart{"sizes", "By size of the object", chartWidth, frameTop + height + 56, func(c *canvas) {
		f := frame{frameLeft, frameTop, chartWidth - frameLeft - frameRight, height, 1, 1}
		for i := range 6 {
			p := f.at(0, float64(i)/5)
			c.line([]point{p, {f.x0 + f.w, p.y}}, 1, inkGrid)
			c.text(f.x0-6, p.y+4, strconv.Itoa(i*20), typeSize, inkMuted, anchorEnd)
		}
		group := f.w / float64(len(r.Sizes))
		bar := group / 3.5
		for i, s := range r.Sizes {
			x := f.x0 + float64(i)*group + group*0.07
			for k, v := range []float64{s.AP, s.AP50, s.AR100} {
				if v < 0 {
					continue
				}
				top := f.at(0, v)
				c.rect(x+float64(k)*bar, top.y, bar-2, f.y0+f.h-top.y, [...]ink{inkFirst, inkSecond, inkThird}[k], 1,
					fmt.Sprintf("%s %s: %s", s.Name, [...]string{"AP", "AP50", "AR"}[k], points(v)))
				c.text(x+(float64(k)+0.5)*bar-1, top.y-3, points(v), 9.5, inkText, anchorMiddle)
			}
			c.text(f.x0+(float64(i)+0.5)*group, f.y0+f.h+16, fmt.Sprintf("%s (%d)", s.Name, s.Objects), typeSize, inkText, anchorMiddle)
		}
		for k, name := range []string{"AP", "AP50", "AR (100)"} {
			x := f.x0 + float64(k)*80
			c.rect(x, f.y0+f.h+33, 12, 12, [...]ink{inkFirst, inkSecond, inkThird}[k], 1, "")
			c.text(x+17, f.y0+f.h+44, name, typeSize, inkText, anchorStart)
		}
	}}
}

// bars draws a horizontal bar chart.
type bars struct {
	names  []string
	values []float64
	notes  []string // behind each bar
	inks   []ink
	left   float64 // room for the names
	most   float64 // value at the right edge
	row    float64
}

func (b bars) height() float64 { return float64(len(b.names))*b.row + 8 }

func (b bars) draw(c *canvas, width float64) {
	const noteRoom = 84
	for i, name := range b.names {
		y := 4 + float64(i)*b.row
		length := 0.0
		if b.most > 0 {
			length = max(0, b.values[i]) / b.most * (width - b.left - noteRoom)
		}
		c.text(b.left-6, y+b.row*0.7, name, min(typeSize, b.row*0.75), inkText, anchorEnd)
		c.rect(b.left, y+b.row*0.12, max(length, 0.5), b.row*0.76, b.inks[i], 1, "")
		c.text(b.left+length+5, y+b.row*0.7, b.notes[i], min(typeSize, b.row*0.75), inkMuted, anchorStart)
	}
}

// legend names up to three lines in the upper right corner, the one that curves
// leave free.
func (f frame) legend(c *canvas, names []string) {
	for i, name := range names {
		y := f.y0 + 18 + float64(i)*18
		c.rect(f.x0+f.w-160, y-5, 14, 3, [...]ink{inkFirst, inkSecond, inkThird}[i%3], 1, "")
		c.text(f.x0+f.w-8, y, name, typeSize, inkText, anchorEnd)
	}
}

// confidenceChart draws F1, precision and recall against the score threshold.
func (r *Report) confidenceChart() chart {
	return chart{"confidence", "Precision, recall and F1 against score", chartWidth, frameTop + 280 + frameBottom + 22, func(c *canvas) {
		f := curveFrame
		f.axes(c, 0.2, 0.2, "score threshold", "")
		best := r.Confidence.Best
		if best.F1 >= 0 {
			c.line([]point{f.at(best.Threshold, 0), f.at(best.Threshold, 1)}, 1, inkText)
		}
		for i, of := range []func(p ConfidencePoint) float64{
			func(p ConfidencePoint) float64 { return p.F1 },
			func(p ConfidencePoint) float64 { return p.Precision },
			func(p ConfidencePoint) float64 { return p.Recall },
		} {
			var line []point
			for _, p := range r.Confidence.Points {
				if v := of(p); v >= 0 {
					line = append(line, f.at(p.Threshold, v))
				}
			}
			if len(line) > 1 {
				c.line(line, 2, [...]ink{inkFirst, inkSecond, inkThird}[i])
			}
		}
		// No corner is left free by these curves, so the legend stands below.
		x := f.x0
		for i, name := range []string{fmt.Sprintf("F1, best %s at %s", points(best.F1), bestScore(best)), "precision", "recall"} {
			c.rect(x, f.y0+f.h+49, 14, 3, [...]ink{inkFirst, inkSecond, inkThird}[i], 1, "")
			c.text(x+19, f.y0+f.h+54, name, typeSize, inkText, anchorStart)
			x += [...]float64{170, 90, 0}[i]
		}
		c.text(f.x0, f.y0+f.h+32, "IoU 0.5, all classes together", typeSize, inkMuted, anchorStart)
	}}
}

// reliabilityChart draws the share that is right against the score; on the
// diagonal a score is what it says.
func (r *Report) reliabilityChart() chart {
	return chart{"reliability", "Share that is right against score", chartWidth, frameTop + 280 + frameBottom, func(c *canvas) {
		f := curveFrame
		f.axes(c, 0.2, 0.2, "score", "")
		c.line([]point{f.at(0, 0), f.at(1, 1)}, 1, inkMuted)
		var line []point
		for _, b := range r.Reliability.Bins {
			if b.Detections > 0 {
				at := f.at(b.Score, b.Right)
				line = append(line, at)
				c.rect(at.x-3, at.y-3, 6, 6, inkFirst, 1, "")
			}
		}
		if len(line) > 1 {
			c.line(line, 2, inkFirst)
		}
		c.text(f.x0, f.y0+f.h+32, "IoU 0.5, all classes together, scores from 0.05", typeSize, inkMuted, anchorStart)
	}}
}

func (r *Report) tideChart() chart {
	b := bars{left: 122, row: 24}
	add := func(name string, v float64, count int, c ink) {
		b.names = append(b.names, name)
		b.values = append(b.values, v)
		note := points(max(0, v))
		if count >= 0 {
			note += fmt.Sprintf("  (%d)", count)
		}
		b.notes = append(b.notes, note)
		b.inks = append(b.inks, c)
		b.most = max(b.most, v)
	}
	for _, e := range r.TIDE.Errors {
		add(e.Type.String(), e.DAP, e.Count, inkFirst)
	}
	add("all false positives", r.TIDE.FalsePositives, -1, inkSecond)
	add("all false negatives", r.TIDE.FalseNegatives, -1, inkSecond)
	return chart{"tide", "What each type of error costs, in points of AP50", chartWidth, b.height(), func(c *canvas) { b.draw(c, chartWidth) }}
}

// chartClasses is how many classes a bar chart shows at most: those with the most
// objects.
const chartClasses = 100

func (r *Report) classChart() chart {
	with := slices.DeleteFunc(slices.Clone(r.Classes), func(c ClassReport) bool { return c.Objects == 0 })
	name := "AP by class"
	if all := len(with); all > chartClasses {
		slices.SortStableFunc(with, func(a, b ClassReport) int { return cmp.Compare(b.Objects, a.Objects) })
		with = with[:chartClasses]
		name = fmt.Sprintf("AP by class: the %d of %d with the most objects", chartClasses, all)
	}
	slices.SortStableFunc(with, func(a, b ClassReport) int { return cmp.Compare(b.AP, a.AP) })
	b := bars{left: 110, row: 15, most: 1}
	for _, class := range with {
		b.names = append(b.names, clip(class.Name, 18))
		b.values = append(b.values, class.AP)
		b.notes = append(b.notes, fmt.Sprintf("%s  (%d)", points(class.AP), class.Objects))
		b.inks = append(b.inks, inkFirst)
	}
	return chart{"class_ap", name, chartWidth, b.height(), func(c *canvas) { b.draw(c, chartWidth) }}
}

// clip shortens a name to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// matrixClasses is how many classes the drawn confusion matrix has at most: the
// most frequent ones.
const matrixClasses = 100

// matrixRows picks the classes of the drawn matrix, in the order of their ids,
// then the background.
func (r *Report) matrixRows() []int {
	n := len(r.Confusion.Categories)
	total := func(k int) (sum int) {
		for i := range r.Confusion.Counts {
			sum += r.Confusion.Counts[k][i] + r.Confusion.Counts[i][k]
		}
		return sum
	}
	var rows []int
	for k := range n {
		if total(k) > 0 {
			rows = append(rows, k)
		}
	}
	if len(rows) > matrixClasses {
		slices.SortStableFunc(rows, func(a, b int) int { return total(b) - total(a) })
		rows = rows[:matrixClasses]
		slices.Sort(rows)
	}
	return append(rows, n)
}

// The confusion chart's room for names, above and left of the cells.
const matrixLeft, matrixTop, matrixFoot = 110.0, 110.0, 22.0

func (r *Report) confusionChart() chart {
	rows := r.matrixRows()
	cell := min(26, max(11, 320/float64(len(rows))))
	side := cell * float64(len(rows))
	return chart{"confusion", "Confusion matrix", max(chartWidth, matrixLeft+side+8), matrixTop + side + matrixFoot, func(c *canvas) {
		size := min(typeSize, cell*0.8)
		for i, truth := range rows {
			name := clip(r.Confusion.name(truth, "nothing"), 17)
			x, y := matrixLeft+float64(i)*cell, matrixTop+float64(i)*cell
			c.text(matrixLeft-5, y+cell*0.72, name, size, inkText, anchorEnd)
			c.textUp(x+cell*0.72, matrixTop-5, name, size, inkText)
			c.line([]point{{matrixLeft, y}, {matrixLeft + side, y}}, 0.5, inkGrid)
			c.line([]point{{x, matrixTop}, {x, matrixTop + side}}, 0.5, inkGrid)
			r.confusionRow(c, rows, i, cell)
		}
		c.text(matrixLeft, matrixTop+side+16, "rows: the truth, columns: what was found", typeSize, inkMuted, anchorStart)
	}}
}

// confusionRow draws the cells of one class of the truth.
func (r *Report) confusionRow(c *canvas, rows []int, i int, cell float64) {
	truth := rows[i]
	y := matrixTop + float64(i)*cell
	sum := 0
	for _, n := range r.Confusion.Counts[truth] {
		sum += n
	}
	for j, found := range rows {
		n := r.Confusion.Counts[truth][found]
		if n == 0 {
			continue
		}
		share := float64(n) / float64(sum)
		color := inkSecond
		if i == j {
			color = inkFirst
		}
		about := fmt.Sprintf("%s → %s: %d of %d (%.0f %%)", r.Confusion.name(truth, "nothing"), r.Confusion.name(found, "nothing"), n, sum, 100*share)
		c.rect(matrixLeft+float64(j)*cell+0.5, y+0.5, cell-1, cell-1, color, 0.12+0.88*math.Sqrt(share), about)
		if cell >= 20 {
			c.text(matrixLeft+(float64(j)+0.5)*cell, y+cell*0.68, strconv.Itoa(n), 9, inkText, anchorMiddle)
		}
	}
}

// speedChart draws time against the photo's size; ok is false where there is
// nothing to draw.
func (r *Report) speedChart() (c chart, ok bool) {
	var dots []point
	var high, wide float64
	for _, t := range r.Timings {
		if t.Image.Width <= 0 || t.Image.Height <= 0 {
			continue
		}
		p := point{float64(t.Image.Width) * float64(t.Image.Height) / 1e6, float64(t.Duration.Microseconds()) / 1000}
		dots = append(dots, p)
		wide, high = max(wide, p.x), max(high, p.y)
	}
	if len(dots) == 0 {
		return chart{}, false
	}
	// A page with ten thousand dots is slow and shows no more.
	const most = 1500
	if len(dots) > most {
		thin := make([]point, most)
		for i := range thin {
			thin[i] = dots[i*len(dots)/most]
		}
		dots = thin
	}
	return chart{"speed", "Time against size of the photo", chartWidth, frameTop + 240 + frameBottom, func(c *canvas) {
		f := frame{frameLeft, frameTop, chartWidth - frameLeft - frameRight, 240, max(wide, 1e-3) * 1.05, max(high, 1e-3) * 1.1}
		f.axes(c, niceStep(f.toX), niceStep(f.toY), "megapixels", "milliseconds")
		for _, d := range dots {
			p := f.at(d.x, d.y)
			c.dot(p.x, p.y, 2.5, inkFirst, 0.55, "")
		}
	}}, true
}

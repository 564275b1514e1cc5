package eval

// mask is what a "segmentation" of COCO's covers: the box around it and, of a
// run-length mask, its area.
type mask struct {
	box  Box
	area float64 // square pixels; 0 of polygons
}

// readMask reads a segmentation: polygons (a list of lists x1 y1 x2 y2 ..., or
// one such list), or a run-length mask, compressed or not. The box of polygons
// goes from the least to the greatest coordinate, as COCO's own bbox does; that
// of a mask covers its pixels, as pycocotools' toBbox has it.
func readMask(text []byte) (m mask, ok bool) {
	if len(text) == 0 {
		return mask{}, false
	}
	switch text[0] {
	case '[':
		return polygonMask(text)
	case '{':
		return runLengthMask(text)
	}
	return mask{}, false
}

func polygonMask(text []byte) (m mask, ok bool) {
	var corners []float64
	if list, ok := jsonNumbers(text); ok {
		corners = list
	} else {
		parts, ok := jsonElements(text)
		if !ok {
			return mask{}, false
		}
		for _, part := range parts {
			list, ok := jsonNumbers(part)
			if !ok || len(list)%2 != 0 {
				return mask{}, false
			}
			corners = append(corners, list...)
		}
	}
	if len(corners) < 6 || len(corners)%2 != 0 { // fewer than three corners
		return mask{}, false
	}
	box := around(corners)
	return mask{box: box}, finite(Detection{Box: box})
}

// around is the box around points x1 y1 x2 y2 ...
func around(corners []float64) Box {
	x0, y0, x1, y1 := corners[0], corners[1], corners[0], corners[1]
	for i := 2; i < len(corners); i += 2 {
		x0, x1 = min(x0, corners[i]), max(x1, corners[i])
		y0, y1 = min(y0, corners[i+1]), max(y1, corners[i+1])
	}
	return Box{x0, y0, x1 - x0, y1 - y0}
}

func runLengthMask(text []byte) (m mask, ok bool) {
	var values [2][]byte
	if err := memoryReader(text).entryOf([]string{"size", "counts"}, values[:]); err != nil {
		return mask{}, false
	}
	size, ok := jsonNumbers(values[0])
	if !ok || len(size) != 2 || !isCount(size[0]) || !isCount(size[1]) {
		return mask{}, false
	}
	height, pixels := int(size[0]), int(size[0])*int(size[1])
	var runs []int
	if s, isText := jsonString(values[1]); isText {
		runs, ok = decompressRuns(s)
	} else {
		runs, ok = plainRuns(values[1])
	}
	if !ok {
		return mask{}, false
	}
	return maskOfRuns(runs, height, pixels)
}

// isCount is true of whole numbers that a picture's side or a run can have.
func isCount(v float64) bool { return v >= 0 && v <= 1<<30 && v == float64(int(v)) }

func plainRuns(text []byte) (runs []int, ok bool) {
	list, ok := jsonNumbers(text)
	for _, v := range list {
		if !isCount(v) {
			return nil, false
		}
		runs = append(runs, int(v))
	}
	return runs, ok
}

// decompressRuns reads the text form of run lengths: groups of five bits, the
// lowest first, a sixth bit saying that more follow, the fifth of the last being
// the sign; from the fourth number on, the difference to the last but one.
func decompressRuns(s string) (runs []int, ok bool) {
	for at := 0; at < len(s); {
		v, shift := 0, 0
		for more := true; more; shift += 5 {
			if at == len(s) || shift > 35 || s[at] < 48 || s[at] >= 48+64 {
				return nil, false
			}
			c := int(s[at]) - 48
			at++
			v |= c & 0x1f << shift
			more = c&0x20 != 0
			if !more && c&0x10 != 0 {
				v |= -1 << (shift + 5)
			}
		}
		if len(runs) > 2 {
			v += runs[len(runs)-2]
		}
		if v < 0 || v > 1<<30 {
			return nil, false
		}
		runs = append(runs, v)
	}
	return runs, true
}

// maskOfRuns walks down the columns of a mask: runs of nothing and of pixels in
// turn.
func maskOfRuns(runs []int, height, pixels int) (m mask, ok bool) {
	x0, y0, x1, y1 := pixels, height, -1, -1
	at, area := 0, 0
	for i, n := range runs {
		if n > pixels-at {
			return mask{}, false
		}
		if i%2 == 1 && n > 0 {
			first, last := at, at+n-1
			area += n
			x0, x1 = min(x0, first/height), max(x1, last/height)
			if first/height == last/height {
				y0, y1 = min(y0, first%height), max(y1, last%height)
			} else { // over the lower edge into the next column
				y0, y1 = 0, height-1
			}
		}
		at += n
	}
	if at != pixels {
		return mask{}, false
	}
	if area == 0 {
		return mask{}, true
	}
	return mask{Box{float64(x0), float64(y0), float64(x1 - x0 + 1), float64(y1 - y0 + 1)}, float64(area)}, true
}

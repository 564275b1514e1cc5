package detector

// classBox is a detection by number of class.
type classBox struct {
	Box   Box
	Score float32
	Class int
}

// candidates are pairs of a box and a class, side by side.
type candidates struct {
	boxes   []Box
	scores  []float32
	classes []int
}

func (c *candidates) reset() {
	c.boxes, c.scores, c.classes = c.boxes[:0], c.scores[:0], c.classes[:0]
}

func (c *candidates) add(b Box, score float32, class int) {
	c.boxes, c.scores, c.classes = append(c.boxes, b), append(c.scores, score), append(c.classes, class)
}

// best appends to dst what is left of the candidates after suppression within
// each class, best first, at most limit.
func (c *candidates) best(dst []classBox, nms *Suppressor, iou float64, limit int) []classBox {
	for _, i := range nms.NMSByGroup(c.boxes, c.scores, c.classes, iou, limit) {
		dst = append(dst, classBox{c.boxes[i], c.scores[i], c.classes[i]})
	}
	return dst
}

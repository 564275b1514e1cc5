package detector

import (
	"math"
	"slices"
)

// Suppressor does non-maximum suppression in memory it keeps from call to call.
// The zero value is ready; it is not safe for concurrent use.
type Suppressor struct {
	order []uint64
	keep  []int
	boxes []Box     // of what is kept, side by side
	areas []float32 // of what is kept
	group []int     // of what is kept
}

// NMS keeps, from the best score down, every box that overlaps no kept box by
// more than iou, and returns the kept indices in that order: those of
// torchvision.ops.nms, with equal scores in the order they are given. At most
// limit are returned, all of them if limit is 0. The next call overwrites the
// result.
func (s *Suppressor) NMS(boxes []Box, scores []float32, iou float64, limit int) []int {
	return s.run(boxes, scores, nil, iou, limit)
}

// NMSByGroup is NMS where only boxes of one group (a class, or a pyramid level)
// suppress each other, as torchvision.ops.batched_nms.
func (s *Suppressor) NMSByGroup(boxes []Box, scores []float32, groups []int, iou float64, limit int) []int {
	return s.run(boxes, scores, groups, iou, limit)
}

func (s *Suppressor) run(boxes []Box, scores []float32, groups []int, iou float64, limit int) []int {
	s.order = descending(s.order[:0], scores)
	s.keep, s.boxes, s.areas, s.group = s.keep[:0], s.boxes[:0], s.areas[:0], s.group[:0]
	for _, key := range s.order {
		i := indexOf(key)
		g := 0
		if groups != nil {
			g = groups[i]
		}
		area := boxes[i].Area()
		if s.suppressed(boxes[i], area, g, iou) {
			continue
		}
		s.keep = append(s.keep, i)
		s.boxes, s.areas, s.group = append(s.boxes, boxes[i]), append(s.areas, area), append(s.group, g)
		if len(s.keep) == limit {
			break
		}
	}
	return s.keep
}

// suppressed reports whether a kept box of the group overlaps b too much.
func (s *Suppressor) suppressed(b Box, area float32, group int, iou float64) bool {
	for k := range s.boxes {
		a := &s.boxes[k]
		if s.group[k] != group || a.X1 >= b.X2 || b.X1 >= a.X2 || a.Y1 >= b.Y2 || b.Y1 >= a.Y2 {
			continue
		}
		if float64(overlap(*a, b, s.areas[k], area)) > iou {
			return true
		}
	}
	return false
}

// NMS is [Suppressor.NMS] without a limit, in memory of its own.
func NMS(boxes []Box, scores []float32, iou float64) []int {
	return new(Suppressor).NMS(boxes, scores, iou, 0)
}

// BatchedNMS is [Suppressor.NMSByGroup] without a limit, in memory of its own.
func BatchedNMS(boxes []Box, scores []float32, groups []int, iou float64) []int {
	return new(Suppressor).NMSByGroup(boxes, scores, groups, iou, 0)
}

// descending appends one key a score and sorts them: the best score first, equal
// ones by index. The upper half of a key is the score, mapped so that integers
// compare as the floats do, upside down; the lower half is the index.
func descending(keys []uint64, scores []float32) []uint64 {
	for i, v := range scores {
		keys = append(keys, uint64(^ordered(v))<<32|uint64(uint32(i)))
	}
	slices.Sort(keys)
	return keys
}

// indexOf is the index that a key of descending holds.
func indexOf(key uint64) int { return int(uint32(key)) }

// ordered maps floats to integers of the same order; both zeros are one.
func ordered(v float32) uint32 {
	bits := math.Float32bits(v + 0)
	if bits>>31 != 0 {
		return ^bits
	}
	return bits | 1<<31
}

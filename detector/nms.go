package detector

import (
	"math"
	"math/bits"
	"slices"

	"example.com/riffle/internal/vec"
)

// Suppressor does non-maximum suppression in memory it keeps from call to call.
// The zero value is ready; it is not safe for concurrent use.
type Suppressor struct {
	order []uint64
	keep  []int
	kept  []kept
	last  []int32 // of each chain: what was kept last
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
	s.keep = s.keep[:0]
	s.each(boxes, scores, groups, iou, limit, func(i int) bool {
		s.keep = append(s.keep, i)
		return len(s.keep) != limit
	})
	return s.keep
}

// each calls take with the index of every box that is kept, best first, until it
// returns false. few is how many calls the caller expects to want, 0 if all: a
// guess that saves sorting boxes that are never looked at.
func (s *Suppressor) each(boxes []Box, scores []float32, groups []int, iou float64, few int, take func(i int) bool) {
	s.order, s.kept = appendKeys(s.order[:0], scores), s.kept[:0]
	lowest := s.chains(groups)
	sorted := 0
	for k := range s.order {
		if k == sorted {
			sorted = sortMore(s.order, sorted, 2*few)
		}
		i := indexOf(s.order[k])
		g := 0
		if groups != nil {
			g = groups[i]
		}
		b := kept{box: boxes[i], area: boxes[i].Area(), group: g}
		chain := &s.last[uint(g-lowest)%uint(len(s.last))]
		if s.suppressed(&b, *chain, iou) {
			continue
		}
		b.before, *chain = *chain, int32(len(s.kept))
		s.kept = append(s.kept, b)
		if !take(i) {
			return
		}
	}
}

// sortMore puts the next smallest keys behind those that are sorted already, as
// many again but at least n, all if n is 0, and returns how many are then.
func sortMore(keys []uint64, sorted, n int) int {
	rest := keys[sorted:]
	if n = max(n, sorted); n > 0 && n < len(rest) {
		smallest(rest, n)
		rest = rest[:n]
	}
	slices.Sort(rest)
	return sorted + len(rest)
}

// kept is a box that survived, chained to others of its group.
type kept struct {
	box    Box
	area   float32
	group  int
	before int32 // the last one kept before it in the same chain, -1 for none
}

// maxChains bounds the memory for groups; beyond it several share a chain.
const maxChains = 1024

// chains empties one chain a group and returns the lowest group.
func (s *Suppressor) chains(groups []int) int {
	lowest, highest := 0, 0
	if len(groups) > 0 {
		lowest, highest = slices.Min(groups), slices.Max(groups)
	}
	n := maxChains
	if span := uint(highest) - uint(lowest); span < maxChains {
		n = int(span) + 1
	}
	s.last = vec.Grow(s.last, n)
	for i := range s.last {
		s.last[i] = -1
	}
	return lowest
}

// suppressed reports whether a kept box of the chain and of b's group overlaps b
// too much.
func (s *Suppressor) suppressed(b *kept, chain int32, iou float64) bool {
	for k := chain; k >= 0; k = s.kept[k].before {
		a := &s.kept[k]
		if a.group != b.group || a.box.X1 >= b.box.X2 || b.box.X1 >= a.box.X2 || a.box.Y1 >= b.box.Y2 || b.box.Y1 >= a.box.Y2 {
			continue
		}
		if float64(overlap(a.box, b.box, a.area, b.area)) > iou {
			return true
		}
	}
	return false
}

// appendKeys appends one key a score, the smallest for the best score, equal ones
// by index. The upper half of a key is the score, mapped so that integers compare as
// the floats do, upside down; the lower half is the index.
func appendKeys(keys []uint64, scores []float32) []uint64 {
	keys = slices.Grow(keys, len(scores))
	for i, v := range scores {
		keys = append(keys, uint64(^ordered(v))<<32|uint64(uint32(i)))
	}
	return keys
}

// indexOf is the index that a key holds.
func indexOf(key uint64) int { return int(uint32(key)) }

// ordered maps floats to integers of the same order; both zeros are one.
func ordered(v float32) uint32 {
	bits := math.Float32bits(v + 0)
	if bits>>31 != 0 {
		return ^bits
	}
	return bits | 1<<31
}

// top is the n smallest keys in order, or all if there are fewer.
func top(keys []uint64, scores []float32, n int) []uint64 {
	keys = appendKeys(keys, scores)
	n = min(n, len(keys))
	smallest(keys, n)
	slices.Sort(keys[:n])
	return keys[:n]
}

// smallest moves the n smallest keys to the front: Hoare's selection around the
// median of three. Keys that mislead it often enough are sorted instead.
func smallest(keys []uint64, n int) {
	for rounds := 2 * bits.Len(uint(len(keys))); n > 0 && n < len(keys); rounds-- {
		if rounds == 0 {
			slices.Sort(keys)
			return
		}
		a, b, c := keys[0], keys[len(keys)/2], keys[len(keys)-1]
		pivot := max(min(a, b), min(max(a, b), c))
		lo, hi := 0, len(keys)-1
		for lo <= hi {
			for keys[lo] < pivot {
				lo++
			}
			for keys[hi] > pivot {
				hi--
			}
			if lo <= hi {
				keys[lo], keys[hi] = keys[hi], keys[lo]
				lo, hi = lo+1, hi-1
			}
		}
		// keys[:hi+1] <= pivot, what is between equals it, keys[lo:] >= pivot.
		switch {
		case n <= hi+1:
			keys = keys[:hi+1]
		case n >= lo:
			keys, n = keys[lo:], n-lo
		default:
			return
		}
	}
}

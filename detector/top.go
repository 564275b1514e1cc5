package detector

import (
	"math/bits"
	"slices"
)

// top is the first n keys of descending, or all if there are fewer.
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

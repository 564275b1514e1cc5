package api

import "strings"

// nearest is the word closest to what was written, by edit distance over lower
// case letters; the first of equals. Empty if there are no words.
func nearest(written string, words []string) string {
	written = strings.ToLower(written)
	if len(written) > 64 { // longer than any name there is: its start decides
		written = written[:64]
	}
	best, bestDistance := "", -1
	for _, w := range words {
		if d := editDistance(written, strings.ToLower(w)); bestDistance < 0 || d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best
}

// editDistance counts the bytes to insert, delete, replace or swap with their
// neighbour to make b of a (optimal string alignment).
func editDistance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

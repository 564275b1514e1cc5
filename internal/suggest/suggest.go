// Package suggest finds the right name for a mistyped one, so that an error
// can end in "did you mean ...?".
package suggest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Name returns the candidate that word most likely meant, or "" if none is
// near. An unfinished word of three letters or more means the first candidate
// it is the start of. Otherwise the smallest edit distance counts (insert, drop,
// change or swap neighbours), at most a third of the word's length or 2, or else
// the only candidate that word is the start of; of equally near ones the first
// is taken. Upper and lower case, '-', '_', '.' and ' ' count as equal.
func Name(word string, candidates []string) string {
	w := fold(word)
	limit := max(2, utf8.RuneCountInString(w)/3)
	best, bestDistance := "", limit+1
	var starts []string
	for _, c := range candidates {
		f := fold(c)
		// A distance as long as the name itself would make anything near "a".
		if d := distance(w, f); d < bestDistance && d < max(utf8.RuneCountInString(w), utf8.RuneCountInString(f)) {
			best, bestDistance = c, d
		}
		if w != "" && strings.HasPrefix(f, w) {
			starts = append(starts, c)
		}
	}
	if len(starts) == 1 && best == "" || len(starts) > 0 && utf8.RuneCountInString(w) >= 3 {
		return starts[0]
	}
	return best
}

// Hint returns `, did you mean "x"?` for the nearest candidate, or
// " (known: a, b, c)" when none is near and there are at most ten, or "".
func Hint(word string, candidates []string) string {
	if n := Name(word, candidates); n != "" {
		return fmt.Sprintf(", did you mean %q?", n)
	}
	if len(candidates) > 0 && len(candidates) <= 10 {
		sorted := slices.SortedFunc(slices.Values(candidates), cmp.Compare[string])
		return " (known: " + strings.Join(sorted, ", ") + ")"
	}
	return ""
}

var separators = strings.NewReplacer("_", "-", ".", "-", " ", "-")

func fold(s string) string { return separators.Replace(strings.ToLower(s)) }

// distance is the optimal string alignment distance of a and b in runes.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, prev, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			change := prev[j-1]
			if s[i-1] != t[j-1] {
				change++
			}
			row[j] = min(prev[j]+1, row[j-1]+1, change)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(t)]
}

package strictyaml

import "strings"

// maxWord is the longest word that is compared: nobody mistypes more.
const maxWord = 64

// Nearest is the one of among that word was most likely meant to be, or "" when
// none is near: a slip of a finger in a short word, a third of a longer one.
func Nearest(word string, among []string) string {
	if len(word) > maxWord {
		return ""
	}
	word = strings.ToLower(word)
	best, least := "", len(word)/3+1
	if len(word) < 3 {
		least = 1
	}
	for _, candidate := range among {
		if len(candidate) > maxWord {
			continue
		}
		d := distance(word, strings.ToLower(candidate))
		if d < least || (d == least && best == "") {
			best, least = candidate, d
		}
	}
	return best
}

// distance counts the slips between a and b: a byte too many, one missing, one
// wrong, or two neighbours swapped.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

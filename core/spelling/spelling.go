// Package spelling measures how similar two names are, for messages that suggest the name that was
// meant.
package spelling

// maxLength is the maximum length of a name. The distance to a longer text is maxLength.
const maxLength = 100

// Distance returns the optimal string alignment distance of two names: how many bytes must be
// changed, added, removed or swapped with their neighbour to make one of the other.
func Distance(a, b string) int {
	if len(a) > maxLength || len(b) > maxLength {
		return maxLength
	}
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	before := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, before
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
	}
	return row[len(b)]
}

// Nearest returns the known name that is most similar to a name, the first of several. It returns
// false if none is similar enough to have been meant: at most one third of the name may differ, and
// at most three bytes.
func Nearest(name string, known []string) (string, bool) {
	nearest, least := "", maxLength
	for _, candidate := range known {
		if d := Distance(name, candidate); d < least {
			nearest, least = candidate, d
		}
	}
	return nearest, nearest != "" && least <= min(3, len(name)/3)
}

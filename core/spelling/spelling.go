// Package spelling tells how near two names are, for messages that guess what a person meant.
package spelling

// Distance is how many letters must be changed, added, removed or swapped with their neighbour to make one
// name of another.
func Distance(a, b string) int {
	const longest = 100 // No name is; a key of a file may be.
	if len(a) > longest || len(b) > longest {
		return longest
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

package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// isSameFile reports whether two writers are the same terminal, pipe or file.
func isSameFile(a, b io.Writer) bool {
	first, ok := a.(*os.File)
	second, ok2 := b.(*os.File)
	if !ok || !ok2 {
		return a == b
	}
	firstInfo, err := first.Stat()
	if err != nil {
		return false
	}
	secondInfo, err := second.Stat()
	return err == nil && os.SameFile(firstInfo, secondInfo)
}

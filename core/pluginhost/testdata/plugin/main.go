// Command plugin is a plugin for this package's tests, good or bad in the way that the name of its file says:
// caso-messenger-flood floods its standard error, and so on. One binary for all keeps the tests quick.
package main

import (
	"os"
	"path/filepath"
	"strings"
)

func main() {
	file := filepath.Base(os.Args[0])
	if name, ok := strings.CutPrefix(file, "caso-extractor-"); ok {
		serveExtractor(name)
		return
	}
	name := strings.TrimPrefix(file, "caso-messenger-")
	if start, ok := starts[name]; ok {
		start()
		return
	}
	serveMessenger(name)
}

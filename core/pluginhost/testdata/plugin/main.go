// Command plugin is the plugin of this package's tests. The name of its file selects what it does:
// caso-messenger-flood floods its standard error. One binary for all keeps the tests quick.
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

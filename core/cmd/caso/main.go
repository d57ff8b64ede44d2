// The caso command: extracts accounting records from a cloud and delivers them to whoever counts them.
package main

import (
	"os"

	"github.com/caso-project/caso/core/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, cli.OS()))
}

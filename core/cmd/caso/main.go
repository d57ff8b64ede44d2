// Command caso extracts accounting records from a cloud and delivers them to accounting systems.
package main

import (
	"os"

	"github.com/caso-project/caso/core/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, cli.OS()))
}

// Command caso-messenger-noop is the messenger that discards records.
package main

import (
	"github.com/caso-project/caso/plugins/messenger-noop/noop"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeMessenger(noop.New())
}

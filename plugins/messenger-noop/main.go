// Caso-messenger-noop is the plugin that hands records to nobody.
package main

import (
	"github.com/caso-project/caso/plugins/messenger-noop/noop"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeMessenger(noop.New())
}

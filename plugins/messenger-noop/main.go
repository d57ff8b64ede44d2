// Caso-messenger-noop is the plugin that hands records to nobody.
package main

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/messenger-noop/noop"
)

func main() {
	sdk.ServeMessenger(noop.New())
}

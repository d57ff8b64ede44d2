// Caso-messenger-ssm is the plugin that puts records where APEL's SSM picks them up.
package main

import (
	"github.com/caso-project/caso/plugins/messenger-ssm/ssm"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeMessenger(ssm.New())
}

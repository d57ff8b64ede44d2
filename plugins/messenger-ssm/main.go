// Caso-messenger-ssm is the plugin that puts records where APEL's SSM picks them up.
package main

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/messenger-ssm/ssm"
)

func main() {
	sdk.ServeMessenger(ssm.New())
}

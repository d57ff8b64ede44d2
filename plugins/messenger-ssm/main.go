// Command caso-messenger-ssm is the messenger that puts records into an SSM spool.
package main

import (
	"github.com/caso-project/caso/plugins/messenger-ssm/ssm"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeMessenger(ssm.New())
}

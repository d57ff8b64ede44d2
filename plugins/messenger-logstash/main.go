// Caso-messenger-logstash is the plugin that sends records to Logstash.
package main

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/messenger-logstash/logstash"
)

func main() {
	sdk.ServeMessenger(logstash.New())
}

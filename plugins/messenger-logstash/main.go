// Command caso-messenger-logstash is the messenger that sends records to Logstash.
package main

import (
	"github.com/caso-project/caso/plugins/messenger-logstash/logstash"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeMessenger(logstash.New())
}

// Command caso-extractor-nova is the plugin that reports the servers of an OpenStack cloud.
package main

import (
	"github.com/caso-project/caso/plugins/extractor-nova/nova"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeExtractor(nova.New())
}

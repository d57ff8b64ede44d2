// Command caso-extractor-nova is the plugin that reports the servers of an OpenStack cloud.
package main

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/extractor-nova/nova"
)

func main() {
	sdk.ServeExtractor(nova.New())
}

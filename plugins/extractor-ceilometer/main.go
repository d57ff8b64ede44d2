// Command caso-extractor-ceilometer is the plugin that reports the servers of an OpenStack cloud with what
// they really used.
package main

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/ceilometer"
)

func main() {
	sdk.ServeExtractor(ceilometer.New())
}

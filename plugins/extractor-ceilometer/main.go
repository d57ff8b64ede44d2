// Command caso-extractor-ceilometer is the plugin that reports the servers of an OpenStack cloud
// with their measured processor time and network traffic.
package main

import (
	"github.com/caso-project/caso/plugins/extractor-ceilometer/ceilometer"
	"github.com/caso-project/caso/sdk"
)

func main() {
	sdk.ServeExtractor(ceilometer.New())
}

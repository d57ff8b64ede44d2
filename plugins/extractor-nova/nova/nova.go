// Package nova is the extractor of cloud records from OpenStack's nova. The processor time of a
// record is what was allocated to the server; network traffic is not measured.
package nova

import (
	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
)

// New returns an extractor that is not configured yet.
func New() *openstack.Extractor {
	return openstack.New("compute", cloudrecords.New("nova", nil))
}

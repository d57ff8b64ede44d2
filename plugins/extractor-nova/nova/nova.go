// Package nova is the extractor of cloud records from OpenStack's nova: processor time is what was allocated,
// and network traffic is not measured. How servers become records is the business of package cloudrecords,
// which the extractors of measured figures share.
package nova

import "github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"

// New makes an extractor that is not configured yet.
func New() *cloudrecords.Extractor { return cloudrecords.New("nova", nil) }

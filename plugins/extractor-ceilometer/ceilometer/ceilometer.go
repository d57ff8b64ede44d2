// Package ceilometer is the extractor of cloud records with measured figures: processor time and
// network traffic as Ceilometer sampled them, read from Gnocchi or from Ceilometer's own old API.
// Package cloudrecords makes the records, as for extractor nova; this package is its Measurer.
package ceilometer

import (
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
)

// New returns an extractor that is not configured yet.
func New() *openstack.Extractor { return newExtractor(time.Now) }

func newExtractor(now func() time.Time) *openstack.Extractor {
	return openstack.New("compute", cloudrecords.New("ceilometer", &measurer{now: now}))
}

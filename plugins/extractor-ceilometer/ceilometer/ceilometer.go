// Package ceilometer is the extractor of cloud records with measured figures: processor time and network traffic
// as Ceilometer sampled them, read from Gnocchi or from Ceilometer's own old API. Everything else in the
// records is made by package cloudrecords, as for extractor nova; what counters add up to is the business of
// package counters.
package ceilometer

import (
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
)

// New makes an extractor that is not configured yet.
func New() *cloudrecords.Extractor { return cloudrecords.New("ceilometer", newMeasurer(time.Now)) }

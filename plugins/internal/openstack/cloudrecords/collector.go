// Package cloudrecords collects the cloud records of a project's servers. A record passes through
// these stages, each a function in the file of that name:
//
//	list.go       nova's lists (package servers) and the previous state -> the servers
//	allprojects.go lists of changes that serve all projects
//	changes.go    instance actions of changed servers -> resizes, suspended times, ends
//	history.go    sizes and suspended times of a server -> its processor time as of a time
//	lifecycle.go  times and status of a server -> its end, and its figures as of a month end
//	details.go    names of user and image, floating addresses, benchmark
//	measure.go    what the servers used, where the extractor has a Measurer
//	record.go     server, figures, details and usage -> the record
//	state.go      what the next window needs of this one
//
// Collect in collect.go calls them in this order. The extractors nova and ceilometer are built on
// this package.
package cloudrecords

import (
	"context"
	"errors"
	"sync"

	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

// Collector is an openstack.Collector of cloud records. It is safe for concurrent use once it is
// configured.
type Collector struct {
	name     string
	measurer Measurer

	options  options
	versions servers.Versions
	images   sync.Map // region: *imageNames
	// allProjects has the lists that serve all projects of the run.
	allProjects allProjects
}

// New returns the collector of an extractor with a name. Without a measurer (nil) the processor
// time of a record is what was allocated to the server.
func New(name string, measurer Measurer) *Collector {
	return &Collector{name: name, measurer: measurer}
}

// Describe returns the description of the extractor without the shared options.
func (c *Collector) Describe() sdk.Description {
	description := sdk.Description{
		Name: c.name, RecordTypes: sdk.Emits(sdk.Cloud), Options: declaredOptions()}
	if c.measurer != nil {
		description.Options = append(description.Options, c.measurer.Options()...)
	}
	return description
}

// Configure reads the options of the collector and of the measurer. It opens no connection.
func (c *Collector) Configure(_ context.Context, config sdk.Config) error {
	var warning, err error
	c.options, warning = readOptions(config)
	if c.measurer != nil {
		err = c.measurer.Configure(config)
	}
	return errors.Join(warning, err)
}

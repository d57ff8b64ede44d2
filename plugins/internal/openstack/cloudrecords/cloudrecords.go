// Package cloudrecords makes the cloud records of OpenStack's servers: it wires together what the packages
// beside it know (signing in, finding projects, reading servers, the accounting rules) and writes the
// records. Several extractors are made of it; what one of them measures beside what nova tells, its Measurer
// adds. Site, service, VO mapping, windows and checkpoints are the host's.
package cloudrecords

import (
	"context"
	"sync"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/internal/version"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/images"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/plugins/internal/openstack/users"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// userAgent returns the User-Agent header of every request, for the logs of the cloud's services.
func userAgent() string { return "caso/" + version.String() }

// cloudType returns the CloudType of every record.
func cloudType() string { return "caso/" + version.String() + " (OpenStack)" }

// Extractor is the plugin. It is safe for concurrent use once it is configured.
type Extractor struct {
	name     string
	measurer Measurer
	cloud    *auth.Cloud
	settings settings
	users    *users.Directory
	images   map[string]*images.Catalogue // by region
	versions *servers.Versions
	once     *notices
	mutex    sync.Mutex
	// Wait passes the time between two attempts of a request; nil: by the clock. Tests do without.
	Wait func(context.Context, time.Duration) error
}

// New makes an extractor of a name that is not configured yet. Without a measurer (nil) processor time is
// what was allocated.
func New(name string, measurer Measurer) *Extractor {
	return &Extractor{name: name, measurer: measurer}
}

// Describe says what the plugin is.
func (e *Extractor) Describe() sdk.Description {
	return sdk.Description{
		Name:        e.name,
		Version:     version.String(),
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options:     e.options(),
	}
}

// Configure takes the settings. It opens no connection.
func (e *Extractor) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	signIn, diagnostics := auth.Read(config)
	for _, d := range diagnostics {
		if sdk.IsError(d) {
			return diagnostics
		}
	}
	signIn.Transport.Wait = e.Wait
	cloud, err := auth.New(signIn, userAgent())
	if err != nil {
		return append(diagnostics, sdk.Diagnostics(err)...)
	}
	e.cloud = cloud
	e.settings = readSettings(config)
	e.users = users.New(cloud)
	e.images = map[string]*images.Catalogue{}
	e.versions = servers.NewVersions()
	e.once = newNotices()
	diagnostics = append(diagnostics, e.settings.warnings...)
	if e.measurer != nil {
		diagnostics = append(diagnostics, e.measurer.Configure(config)...)
	}
	return diagnostics
}

// options are those of every extractor of servers, and the measurer's.
func (e *Extractor) options() []*pluginv1.Option {
	declared := options()
	if e.measurer != nil {
		declared = append(declared, e.measurer.Options()...)
	}
	return declared
}

// catalogue is the images of a region; each region has a glance of its own.
func (e *Extractor) catalogue(region string) *images.Catalogue {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.images[region] == nil {
		e.images[region] = images.New()
	}
	return e.images[region]
}

// notices remembers what was said, so that it is said once a run and not for each project or server.
type notices struct {
	mutex sync.Mutex
	said  map[string]bool
}

func newNotices() *notices { return &notices{said: map[string]bool{}} }

// first says whether nobody has asked about the key before.
func (n *notices) first(key string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.said[key] {
		return false
	}
	n.said[key] = true
	return true
}

package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/caso-project/caso/core/config/oslo"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Plugins are the plugins that a configuration names, and what the host must know to start them.
type Plugins struct {
	// Dirs are folders in which they are looked for.
	Dirs       []string
	Extractors []Instance
	Messengers []Instance
}

// Instance is one plugin as the configuration names it.
type Instance struct {
	Kind pluginv1.Kind
	// Name is what the configuration calls it, and its section with it.
	Name string
	// Plugin is the NAME of its executable, caso-extractor-NAME or caso-messenger-NAME.
	Plugin string
	// Path is where that is; empty: it is to be looked for.
	Path string
	// SHA256 is the executable's checksum in lower case; empty: any will do.
	SHA256 string
	// Timeout bounds the wait for a sign of life; 0: not set.
	Timeout time.Duration
	// Start bounds the start of the process with Describe, and Configure and Check. Idle bounds the
	// time in which an Extract call sends nothing, Ack the time until a messenger acknowledges a batch.
	// Stop bounds Close.
	Start, Idle, Ack, Stop Timeout
	// Extractors are the extractor instances whose records a messenger receives; empty: all.
	Extractors []string
	// RecordTypes are the record types that a messenger is limited to; empty: none.
	RecordTypes []pluginv1.RecordType
}

// Timeout is a limit of time and the option that sets it.
type Timeout struct {
	Limit  time.Duration
	Option string
}

// String returns the limit and its option, such as `30s ([extractor_nova] start_timeout)`.
func (t Timeout) String() string { return fmt.Sprintf("%s (%s)", t.Limit, t.Option) }

// String returns kind and name, such as `extractor nova@ifca`.
func (i Instance) String() string { return kindName(i.Kind) + " " + i.Name }

// Owner is the instance's plugin as the owner of its options.
func (i Instance) Owner() string {
	return kindName(i.Kind) + "-" + i.Plugin
}

// Schema is the options of the host and its options for each plugin. Those of the plugins are to be
// added to it, as Own(instance.Owner(), ...).
func (p Plugins) Schema(host []*pluginv1.Option) []Owned {
	schema := Own(HostOwner, host)
	for _, instances := range [][]Instance{p.Extractors, p.Messengers} {
		for _, instance := range instances {
			schema = append(schema, Own(HostOwner, PluginOptions(instance.Kind, instance.Name))...)
		}
	}
	return schema
}

// Plugins resolves what the host must know before it can start any plugin. It looks at nothing else, and
// since no plugin's option is known yet, these settings can refer only to the host's own.
func (f *Files) Plugins(host []*pluginv1.Option, overrides []Override) (Plugins, []Problem) {
	schema, problems := newSchema(Own(HostOwner, host))
	r := newResolver(f, schema, overrides)
	var plugins Plugins
	plugins.Extractors = r.instances(pluginv1.Kind_KIND_EXTRACTOR, "extractor")
	plugins.Messengers = r.instances(pluginv1.Kind_KIND_MESSENGER, "messengers")

	schema, _ = newSchema(plugins.Schema(host))
	problems = append(problems, r.sorted()...)
	r = newResolver(f, schema, overrides)
	plugins.Dirs = r.list("plugin_dirs")
	for _, instances := range [][]Instance{plugins.Extractors, plugins.Messengers} {
		for i := range instances {
			r.instance(&instances[i])
		}
	}
	return plugins, append(problems, r.sorted()...)
}

func (r *resolver) list(option string) []string {
	value, _ := r.value(key{oslo.DefaultSection, option})
	items, _ := value.Any().([]string)
	return items
}

// A name of a plugin becomes a part of a path, and of the name of a section, which is in lower case.
var pluginPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// instances are the plugins that an option names, each once however often and in whatever spellings it
// is named.
func (r *resolver) instances(kind pluginv1.Kind, option string) []Instance {
	var instances []Instance
	seen := make(map[string]bool)
	for _, name := range r.list(option) {
		instance := Instance{Kind: kind, Name: name, Plugin: name}
		if kind == pluginv1.Kind_KIND_MESSENGER {
			instance.Name = MessengerInstance(name)
			instance.Plugin = MessengerPlugin(instance.Name)
		}
		if seen[instance.Name] {
			continue
		}
		seen[instance.Name] = true
		if !pluginPattern.MatchString(instance.Name) {
			k := key{oslo.DefaultSection, option}
			r.fault(r.schema.options[k], r.values[k].Origin,
				"%s is no name of a plugin; those are lower-case letters, digits, '-' and '_'", quoted(name))
			continue
		}
		instances = append(instances, instance)
	}
	return instances
}

var checksumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// instance resolves what the plugin's own section says.
func (r *resolver) instance(instance *Instance) {
	section := PluginSection(instance.Kind, instance.Name)
	path, _ := r.value(key{section, "path"})
	instance.Path, _ = path.Any().(string)

	seconds, _ := r.value(key{section, "timeout"})
	if number, ok := seconds.Any().(int64); ok {
		instance.Timeout = time.Duration(min(number, maxTimeout)) * time.Second
	}

	k := key{section, "sha256"}
	sum, _ := r.value(k)
	text, _ := sum.Any().(string)
	instance.SHA256 = strings.ToLower(text)
	if instance.SHA256 != "" && !checksumPattern.MatchString(instance.SHA256) {
		r.fault(r.schema.options[k], sum.Origin, "%s is no SHA-256 checksum; that has 64 hexadecimal digits", quoted(text))
	}
}

// maxTimeout, in seconds, is a year: more does not fit into what Go counts time by, for long.
const maxTimeout = 365 * 24 * 60 * 60

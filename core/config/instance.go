package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/core/spelling"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Instance is a plugin under the name that the configuration gives it.
type Instance struct {
	Kind pluginv1.Kind
	// Name is unique among the instances of a kind: "nova", "ssmv2", "nova@ifca".
	Name string
	// Plugin is the NAME of the executable, caso-extractor-NAME or caso-messenger-NAME.
	Plugin string
	// Overlay is the part of Name after @. Empty if there is none.
	Overlay string

	// Path is the executable. Empty: it is searched for.
	Path string
	// SHA256 is the checksum of the executable, in lower case. Empty: not verified.
	SHA256 string

	// Start, Idle, Ack and Stop are the timeouts of the instance. A messenger has no Idle, an
	// extractor no Ack.
	Start, Idle, Ack, Stop Timeout

	// Extractors are the names of the extractor instances whose records a messenger gets. Empty:
	// all.
	Extractors []string
	// RecordTypes are the types of the records that a messenger gets. Empty: all that it accepts.
	RecordTypes []pluginv1.RecordType
}

// String names the instance as messages do: "extractor nova@ifca".
func (i Instance) String() string { return contract.KindName(i.Kind) + " " + i.Name }

// Owner returns the owner of the options that the plugin declares.
func (i Instance) Owner() string { return contract.KindName(i.Kind) + "-" + i.Plugin }

// Section returns the section of the options that the host reads for the instance, such as
// "extractor_nova". The instance's overlay applies to it as to every section.
func (i Instance) Section() string {
	name, _, _ := strings.Cut(i.Name, "@")
	return pluginSection(i.Kind, name)
}

// uses reports whether the value of an option can matter to the instance: its plugin declares the
// option, or the host reads it for the instance.
func (i Instance) uses(option *declared) bool {
	if slices.Contains(option.owners, i.Owner()) {
		return true
	}
	if !slices.Contains(option.owners, HostOwner) || existsOnce(option) {
		return false
	}
	return option.GetSection() == i.Section() || option.GetSection() == oslo.DefaultSection && i.Kind == pluginv1.Kind_KIND_EXTRACTOR
}

// Timeout is a time limit and the option that sets it.
type Timeout struct {
	Limit time.Duration
	// Option is the option to change, such as "[extractor_nova] start_timeout".
	Option string
}

// String returns the limit and its option, such as "30s ([extractor_nova] start_timeout)".
func (t Timeout) String() string {
	limit := t.Limit.String()
	if t.Limit%time.Second == 0 {
		// In seconds, as the option has it.
		limit = strconv.FormatInt(int64(t.Limit/time.Second), 10) + "s"
	}
	return limit + " (" + t.Option + ")"
}

// Default timeouts. An extractor waits for its cloud, which may take a minute for a page and is
// asked again if that fails; a messenger has limits of its own on every write.
const (
	defaultStart = 30 * time.Second
	defaultIdle  = 10 * time.Minute
	defaultAck   = 5 * time.Minute
	defaultStop  = 5 * time.Second
)

// alias is another name for a plugin in the configuration.
type alias struct {
	kind pluginv1.Kind
	name string
	// sameAs is the name that this one is an old spelling of.
	sameAs string
	// plugin is the plugin that runs, with the presets in place of what the files have.
	plugin  string
	presets []preset
}

type preset struct{ section, option, value string }

func (p preset) key() key { return key{p.section, p.option} }

// aliases returns all aliases. The names with dots are Python classes, by which cASO before 1.0
// named messengers; cASO misspelled the first.
func aliases() []alias {
	const messenger = pluginv1.Kind_KIND_MESSENGER
	return []alias{
		{kind: messenger, name: "ssmv2", plugin: "ssm", presets: []preset{{"ssm", "message_version", "0.2"}}},
		{kind: messenger, name: "ssmv4", plugin: "ssm", presets: []preset{{"ssm", "message_version", "0.4"}}},
		{kind: messenger, name: "caso.messenger.ssm.SsmMessager", sameAs: "ssm"},
		{kind: messenger, name: "caso.messenger.ssm.SsmMessenger", sameAs: "ssm"},
		{kind: messenger, name: "caso.messenger.ssm.SSMMessenger", sameAs: "ssm"},
		{kind: messenger, name: "caso.messenger.ssm.SSMMessengerV02", sameAs: "ssmv2"},
		{kind: messenger, name: "caso.messenger.ssm.SSMMessengerV04", sameAs: "ssmv4"},
		{kind: messenger, name: "caso.messenger.logstash.LogstashMessenger", sameAs: "logstash"},
		{kind: messenger, name: "caso.messenger.noop.NoopMessenger", sameAs: "noop"},
	}
}

// aliasNamed returns the alias of a name; for a name that is none, the plugin itself.
func aliasNamed(kind pluginv1.Kind, name string) alias {
	for _, a := range aliases() {
		if a.kind != kind || a.name != name {
			continue
		}
		if a.sameAs != "" {
			return aliasNamed(kind, a.sameAs)
		}
		return a
	}
	return alias{kind: kind, name: name, plugin: name}
}

// presets returns the options that the alias of the instance presets.
func (i Instance) presets() []preset {
	name, _, _ := strings.Cut(i.Name, "@")
	return aliasNamed(i.Kind, name).presets
}

// newInstance returns the instance with the name NAME or NAME@OVERLAY; false if the name is
// invalid.
func newInstance(kind pluginv1.Kind, text string) (Instance, bool) {
	name, overlay, overlaid := strings.Cut(text, "@")
	alias := aliasNamed(kind, name)
	instance := Instance{Kind: kind, Name: overlaySection(alias.name, overlay), Plugin: alias.plugin, Overlay: overlay}
	return instance, contract.ValidPluginName(alias.name) && (!overlaid || contract.ValidPluginName(overlay))
}

// Plugins are the instances that a configuration names, with what the host needs to start them.
type Plugins struct {
	// Dirs are directories in which they are searched for.
	Dirs       []string
	Extractors []Instance
	Messengers []Instance
}

func (p Plugins) instances() []Instance { return slices.Concat(p.Extractors, p.Messengers) }

// overlays returns the overlays of all instances, each once, in order.
func (p Plugins) overlays() []string {
	var overlays []string
	for _, instance := range p.instances() {
		if instance.Overlay != "" && !slices.Contains(overlays, instance.Overlay) {
			overlays = append(overlays, instance.Overlay)
		}
	}
	return overlays
}

// named returns the instances that have an overlay, as messages name them.
func (p Plugins) named(overlay string) []string {
	var names []string
	for _, instance := range p.instances() {
		if instance.Overlay == overlay {
			names = append(names, instance.String())
		}
	}
	return names
}

// use reports whether an instance with an overlay uses an option.
func (p Plugins) use(option *declared, overlay string) bool {
	return slices.ContainsFunc(p.instances(), func(i Instance) bool { return i.Overlay == overlay && i.uses(option) })
}

// Schema returns the host's options for the run and for each plugin. The options of the plugins
// must be added to it, as Own(instance.Owner(), ...).
func (p Plugins) Schema(host []*pluginv1.Option) []Owned {
	schema := Own(HostOwner, host)
	for _, instance := range p.instances() {
		name, _, _ := strings.Cut(instance.Name, "@")
		schema = append(schema, Own(HostOwner, PluginOptions(instance.Kind, name))...)
	}
	return schema
}

// Plugins resolves what the host needs before it can start any plugin. Since no option of a plugin
// is known yet, these settings can refer only to the host's own.
func (f *Files) Plugins(host []*pluginv1.Option, overrides []Override) (Plugins, []Problem) {
	schema, problems := newSchema(Own(HostOwner, host))
	r := newResolver(f, schema, overrides)
	var plugins Plugins
	plugins.Extractors = r.instances(pluginv1.Kind_KIND_EXTRACTOR, "extractor")
	plugins.Messengers = r.instances(pluginv1.Kind_KIND_MESSENGER, "messengers")
	selectable := plugins.Extractors
	if r.overrides[key{oslo.DefaultSection, "extractor"}].Flag != "" {
		// With --extractor, some of the configured ones run; a messenger may be limited to others.
		configured := newResolver(f, schema, withoutFlags(overrides))
		selectable = slices.Concat(selectable, configured.instances(pluginv1.Kind_KIND_EXTRACTOR, "extractor"))
	}
	problems = append(problems, r.problems...)
	problems = append(problems, f.overlayProblems(schema)...)

	schema, _ = newSchema(plugins.Schema(host))
	views := newResolvers(f, schema, overrides, plugins)
	plugins.Dirs = views.plain.listValue(key{oslo.DefaultSection, "plugin_dirs"})
	for _, instances := range [][]Instance{plugins.Extractors, plugins.Messengers} {
		for i := range instances {
			views.overlays[instances[i].Overlay].fillInstance(&instances[i], selectable)
		}
	}
	problems = append(problems, views.problems()...)
	sortProblems(f, problems)
	return plugins, problems
}

func (r *resolver) listValue(k key) []string {
	value, _ := r.value(k)
	items, _ := value.Any().([]string)
	return items
}

// instances returns the instances that an option names, each once however often and in whatever
// spellings it is named.
func (r *resolver) instances(kind pluginv1.Kind, option string) []Instance {
	var instances []Instance
	k := key{oslo.DefaultSection, option}
	for _, text := range r.listValue(k) {
		instance, ok := newInstance(kind, text)
		if !ok {
			r.faultf(r.schema.options[k], r.values[k].Origin,
				"invalid name %s: use NAME or NAME@OVERLAY, both of lower-case letters, digits, '-' and '_'", quoted(text))
			continue
		}
		if !slices.ContainsFunc(instances, func(i Instance) bool { return i.Name == instance.Name }) {
			instances = append(instances, instance)
		}
	}
	return instances
}

var checksumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// fillInstance resolves the options of the instance's own section. The resolver is that of its
// overlay.
func (r *resolver) fillInstance(instance *Instance, extractors []Instance) {
	section := instance.Section()
	path, _ := r.value(key{section, "path"})
	instance.Path, _ = path.Any().(string)

	k := key{section, "sha256"}
	sum, _ := r.value(k)
	text, _ := sum.Any().(string)
	instance.SHA256 = strings.ToLower(text)
	if instance.SHA256 != "" && !checksumPattern.MatchString(instance.SHA256) {
		r.faultf(r.schema.options[k], sum.Origin, "invalid SHA-256 checksum %s: use 64 hexadecimal digits", quoted(text))
	}

	instance.Start = r.timeout(*instance, "start_timeout", defaultStart)
	instance.Stop = r.timeout(*instance, "stop_timeout", defaultStop)
	if instance.Kind == pluginv1.Kind_KIND_EXTRACTOR {
		instance.Idle = r.timeout(*instance, "idle_timeout", defaultIdle)
		return
	}
	instance.Ack = r.timeout(*instance, "ack_timeout", defaultAck)
	for _, name := range r.listValue(key{section, "record_types"}) {
		if recordType, ok := contract.ParseRecordType(name); ok {
			instance.RecordTypes = append(instance.RecordTypes, recordType)
		}
	}
	r.fillExtractors(instance, extractors)
}

func (r *resolver) timeout(instance Instance, name string, otherwise time.Duration) Timeout {
	for _, option := range []string{name, "timeout"} {
		k := key{instance.Section(), option}
		value, _ := r.value(k)
		if seconds, ok := value.Any().(int64); ok {
			k.section = overlaySection(k.section, value.Origin.overlay)
			return Timeout{time.Duration(seconds) * time.Second, k.String()}
		}
	}
	return Timeout{otherwise, key{overlaySection(instance.Section(), instance.Overlay), name}.String()}
}

// fillExtractors sets the extractors that a messenger is limited to, which must be configured.
func (r *resolver) fillExtractors(messenger *Instance, configured []Instance) {
	var names []string
	for _, extractor := range configured {
		if !slices.Contains(names, extractor.Name) {
			names = append(names, extractor.Name)
		}
	}
	k := key{messenger.Section(), "extractors"}
	for _, name := range r.listValue(k) {
		if slices.Contains(names, name) {
			messenger.Extractors = append(messenger.Extractors, name)
			continue
		}
		hint := ""
		if nearest, ok := spelling.Nearest(name, names); ok {
			hint = didYouMean(nearest)
		}
		r.faultf(r.schema.options[k], r.values[k].Origin, "unknown extractor %s: [DEFAULT] extractor names %s%s",
			quoted(name), orNone(names), hint)
	}
}

// Package config turns configuration files into typed settings, as oslo.config does: which files
// are read, which of several values wins, how $references resolve, and which problems the files
// have.
//
// It works on option schemas. The host's own options are declared here (HostOptions,
// PluginOptions), those of a plugin by the plugin. Since a plugin must run before its options are
// known, reading takes two steps:
//
//	files, problems := config.Read(config.Sources(given, places))
//	plugins, problems := files.Plugins(hostOptions, overrides)       // which plugins to start
//	settings, problems := files.Resolve(plugins, options, overrides) // all settings
//
// An instance is a plugin under the name that the configuration gives it. `nova@ifca` is plugin
// nova with the overlay ifca: each of its options is looked for in [SECTION@ifca] first, then in
// [SECTION]. Settings therefore has one View for each instance, and one for the host.
//
// Package oslo below it parses the files.
package config

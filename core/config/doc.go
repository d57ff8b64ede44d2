// Package config makes typed settings of configuration files, as oslo.config would: which files are
// read, which of several values wins, what $references stand for, and what is wrong with it all.
//
// It goes by option schemas. The host's own options are here (HostOptions, PluginOptions); those of
// plugins come from the plugins, and this package knows none of them. Since plugins must be found and
// started before their options are known, reading has two steps:
//
//	files, problems := config.Read(config.Sources(given, places))
//	plugins, problems := files.Plugins(host, overrides)    // which plugins, and where
//	settings, problems := files.Resolve(schema, overrides) // everything
//
// How a line of a file reads is the business of package oslo below it, what a setting means that of
// whoever asks for it.
package config

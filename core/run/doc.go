// Package run is a run of caso: it reads the configuration, starts and configures the plugins,
// plans, extracts into the outbox, delivers from it and reports.
//
// It takes everything from its caller (Environment, Input) and returns data: the problems of the
// configuration, the report of a run, errors with a Kind. It has no flags and prints nothing but
// log lines. Package cli is its command line.
//
// A Session goes through these steps, of which a command takes as many as it needs:
//
//	Open       reads the files and resolves the host's own options
//	Start      starts every configured plugin and resolves all options
//	Configure  sends the plugins of some kinds their settings
//	Extract, Deliver, Projects or Check
//	Close      stops the plugins
//
// An error in the files is an Error of kind Configuration. The first three steps return it, and the
// fourth returns it before it extracts or delivers. An instance whose plugin does not start, or
// does not answer Configure, fails alone: the others go on, and the report has its error.
package run

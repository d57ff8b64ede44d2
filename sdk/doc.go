// Package sdk is the contract of caso's plugins (proto/caso/plugin/v1) for Go.
//
// A plugin implements Extractor or Messenger, declares its options as data, and hands itself to
// ServeExtractor or ServeMessenger from a main of a few lines. The SDK batches records, turns errors
// and panics into diagnostics, sends logs to the host and ends the process with the host.
//
// The host uses the same package for what both ends must agree on: the handshake with its TLS, the limits
// of a batch, what a record must hold (CheckRecord) and how it is called (RecordID). How a plugin is found and trusted is the host's business, what it reports is the plugin's.
package sdk

// Package sdk is for authors of caso plugins in Go. It implements the contract
// (proto/caso/plugin/v1), so that a plugin is a type with a few methods and a main of one line:
//
//	func main() { sdk.ServeMessenger(&lines{}) }
//
// A messenger implements Messenger, an extractor implements Extractor; both declare their options
// as data. The SDK batches and checks records, turns errors and panics into diagnostics, sends logs
// to the host, and ends the process with the host.
//
// # Errors
//
// Configure, Check, ListProjects, Extract, Deliver and Close share one convention. The returned
// error is split into diagnostics: errors.Join joins several, a *Diagnostic carries its detail,
// project, resource or option, and any other error becomes one diagnostic of severity error. A call
// fails if one of them is of severity error. Warnings (Warnf) alone do not fail it.
//
// Package plugintest tests a plugin against the rules of the contract.
package sdk

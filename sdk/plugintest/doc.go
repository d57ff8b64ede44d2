// Package plugintest runs a plugin of caso through the rules of the contract (proto/caso/plugin/v1).
//
// Extractor and Messenger serve an implementation of the sdk's interfaces inside the test; Binary starts an
// executable as the host would, whatever language it is written in. Conform then plays the host and
// checks every rule in a subtest of its own. Records makes records to test with.
//
// The package knows the contract and nothing else: whether the figures in a record are true, or what an
// outside system makes of it, is for the plugin's own tests.
package plugintest

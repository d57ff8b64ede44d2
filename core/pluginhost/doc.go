// Package pluginhost finds, verifies, starts, watches and stops plugin processes.
//
// It gives its user a gRPC connection to every plugin that was asked for, or one error per plugin that
// says in a line what is wrong with it and what to do. It keeps the promises that a plugin process
// sees only the harmless part of the host's environment, cannot hang the host, cannot outlive it, and is the very file
// that was checked.
//
// HashiCorp's go-plugin does the talking: handshake, TLS, connection. The process itself, its output and
// its end are this package's own, because go-plugin alone inherits the environment, leaves plugins
// behind when the host is killed, waits for ever on a frozen one, and panics on a malformed log line.
//
// It leaves to others what an option's value means (config), what is asked of a plugin once it runs
// (pipeline), and where the directories and checksums come from (cli).
package pluginhost

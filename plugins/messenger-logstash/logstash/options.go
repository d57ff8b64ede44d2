package logstash

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const section = "logstash"

func options() []*pluginv1.Option {
	text := func(value string) *string { return &value }
	number := func(value int64) *int64 { return &value }
	const (
		anyText = pluginv1.OptionType_OPTION_TYPE_STRING
		integer = pluginv1.OptionType_OPTION_TYPE_INTEGER
		boolean = pluginv1.OptionType_OPTION_TYPE_BOOLEAN
	)
	return []*pluginv1.Option{
		{
			Section: section, Name: "host", Type: anyText, DefaultValue: text("localhost"),
			Help: "Name or address of the Logstash server. It needs an input tcp with the codec json_lines.",
		},
		{
			Section: section, Name: "port", Type: integer, DefaultValue: text("5000"), Minimum: number(1), Maximum: number(65535),
			Help: "TCP port of that input.",
		},
		{
			Section: section, Name: "timeout", Type: integer, DefaultValue: text("30"), Minimum: number(1), Maximum: number(3600),
			Help: "Seconds to wait for the server in each step: to connect, to take the next 64 KiB, and to close the " +
				"connection once it has been sent everything. After that the records are kept and sent again later.",
		},
		{
			Section: section, Name: "tls", Type: boolean, DefaultValue: text("false"),
			Help: "Connect with TLS, version 1.2 or later. The other options about certificates need it.",
		},
		{
			Section: section, Name: "cafile", Type: anyText,
			Help: "File with the certificates, in PEM, of the authorities that may have signed the server's certificate. " +
				"Without it, those that the system trusts.",
		},
		{
			Section: section, Name: "certfile", Type: anyText,
			Help: "File with the client certificate, in PEM, followed by intermediate ones if there are any, for a " +
				"server that asks for one. It needs keyfile.",
		},
		{
			Section: section, Name: "keyfile", Type: anyText,
			Help: "File with the private key of certfile, in PEM and not encrypted.",
		},
		{
			Section: section, Name: "server_name", Type: anyText,
			Help: "Name that the server's certificate must be for. Without it, the value of host.",
		},
		{
			Section: section, Name: "insecure", Type: boolean, DefaultValue: text("false"),
			Help: "Do not verify the server's certificate. Whoever can answer in the server's place then gets the " +
				"records, and can lose them: not for production.",
		},
	}
}

func optionWarning(name, summary, detail string) *pluginv1.Diagnostic {
	warning := sdk.Warnf("%s", summary)
	warning.Detail = detail
	warning.Option = &pluginv1.OptionRef{Section: section, Name: name}
	return warning
}

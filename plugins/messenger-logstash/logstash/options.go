package logstash

import "github.com/caso-project/caso/sdk"

const section = "logstash"

func options() []sdk.Option {
	return []sdk.Option{
		sdk.StringOption(section, "host",
			"Name or address of the Logstash server. It needs an input tcp with the codec json_lines.").
			Default("localhost"),
		sdk.IntOption(section, "port", "TCP port of that input.").
			Default("5000").Min(1).Max(65535),
		sdk.IntOption(section, "timeout",
			"Timeout of each step in seconds: to connect, to send the next 64 KiB, and to wait for the server to close "+
				"the connection after everything was sent. After a timeout the records stay pending and are sent again later.").
			Default("30").Min(1).Max(3600),
		sdk.BoolOption(section, "tls",
			"Connect with TLS 1.2 or later. The other certificate options have no effect without it.").
			Default("false"),
		sdk.StringOption(section, "cafile",
			"File with the certificates, in PEM, of the authorities that may have signed the server's certificate. Without "+
				"it the authorities of the system are used."),
		sdk.StringOption(section, "certfile",
			"File with the client certificate, in PEM, followed by intermediate certificates if there are any, for a server "+
				"that requires one. It needs keyfile."),
		sdk.StringOption(section, "keyfile",
			"File with the private key of certfile, in PEM and not encrypted."),
		sdk.StringOption(section, "server_name",
			"Name that the server's certificate must contain. Without it the value of host is used."),
		sdk.BoolOption(section, "insecure",
			"Do not verify the server's certificate. Records can then be intercepted or lost: not for production.").
			Default("false"),
	}
}

package config

// MessengerInstance is the name of a messenger for a name that a configuration gives it. Versions of
// cASO before 1.0 called messengers by their Python classes, one of them misspelled.
func MessengerInstance(name string) string {
	switch name {
	case "caso.messenger.noop.NoopMessenger":
		return "noop"
	case "caso.messenger.ssm.SsmMessager", "caso.messenger.ssm.SsmMessenger", "caso.messenger.ssm.SSMMessenger":
		return "ssm"
	case "caso.messenger.ssm.SSMMessengerV02":
		return "ssmv2"
	case "caso.messenger.ssm.SSMMessengerV04":
		return "ssmv4"
	case "caso.messenger.logstash.LogstashMessenger":
		return "logstash"
	}
	return name
}

// MessengerPlugin is the name of the plugin that serves a messenger: the messenger's own, but for the
// two versions of SSM's format that cASO has names for.
func MessengerPlugin(instance string) string {
	switch instance {
	case "ssmv2", "ssmv4":
		return "ssm"
	}
	return instance
}

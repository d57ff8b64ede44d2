package oslo

import (
	"math/rand/v2"
	"strings"
)

// maker generates files in the dialect, and similar ones.
type maker struct{ *rand.Rand }

func (m maker) one(of ...string) string { return of[m.IntN(len(of))] }

// sometimes returns a text with probability 1/n, else an empty string.
func (m maker) sometimes(n int, text string) string {
	if m.IntN(n) == 0 {
		return text
	}
	return ""
}

func (m maker) file() string {
	var text strings.Builder
	// A syntax error hides everything else, so most files have none.
	clean := m.IntN(4) > 0
	if clean {
		text.WriteString("[DEFAULT]\n")
	}
	for range m.IntN(12) {
		end := m.one("\n", "\n", "\n", "\n", "\r\n", "\r")
		text.WriteString(m.randomLine(clean) + end)
	}
	return text.String()
}

func (m maker) randomLine(clean bool) string {
	switch n := m.IntN(20); {
	case n < 3:
		return "[" + m.one("DEFAULT", "ssm", "SSM", "logstash", "extractor", "Extractor", "messenger_ssm", "nova", "ssm.x", "default") + "]" + m.sometimes(6, "  ")
	case n == 3:
		return m.one("# a comment", "; k = v", "", "  ", "\u00a0", "#", "\f")
	case n == 4 && !clean:
		return m.one("[ssm", "[]", "[s] # t", "junk", "= x", ":", "[", "]", "\u00a0[ssm]", " x", "\ty = z", "\u200b", "[ ssm]", "[a]b]", "\x0b= x")
	}
	line := m.key() + m.one(" = ", " = ", "=", ":", " : ", " =\t", "\u2003=\u2003") + m.value() + m.sometimes(8, " \u00a0")
	for m.IntN(6) == 0 {
		line += m.one("\n", "\r\n", "\r") + m.one(" ", "\t", "  \u00a0") + m.one(m.value(), "# text", "[ssm]", "k = v", ",x,")
	}
	return line
}

func (m maker) key() string {
	return m.one("site_name", "service_name", "mapping_file", "projects", "tenants", "messengers", "dry_run",
		"output_path", "max_size", "format", "host", "port", "user", "timeout", "insecure", "record_types",
		"Port", "max-size", `"port"`, "unknown", "\u00a0host", "a b")
}

func (m maker) value() string {
	switch m.IntN(8) {
	case 0:
		return m.integer()
	case 1:
		return m.one("true", "False", "1", "ON", "no", "0", "yes", "f", "''", `" no"`, "off ", "'TRUE'", "falſe", "t")
	case 2:
		return m.randomList()
	case 3, 4:
		return m.references()
	case 5:
		return m.one(`"a' "b"`, "'", `"`, "''", `"a" b`, `"a'`, "`a`", `"  x  "`, `'"x"'`, `\"x\"`, `"a`, "v # w", "a=b:c", "http://h:1/", "%(host)s", `a\`, "é ü", "\u200bx", "x\u0085y", "x\fy", "\U0001F600", "v02", "v04", "cloud")
	}
	return m.one("x", "", "nova", "some words", "a/b", "-", "v04")
}

func (m maker) integer() string {
	return m.one("", "", "+", "-") + m.one("", "", "0", "00") + m.one("1", "7", "100", "5000", "65535", "65536", "1_0", "1__0", "_1", "1_", "7.0", "0x7", "7 0", "٣", "１２", "9223372036854775807", "9223372036854775808", "", "- 1", "'  7 '", "'7\u2003'")
}

func (m maker) randomList() string {
	item := func() string {
		return m.one("a", "b c", " d ", `"e"`, "ssm", "cloud", "ip", "storage", "$site_name", "f;g", "é")
	}
	list := item()
	for range m.IntN(4) {
		list += m.one(",", ", ", " ,", ",,") + item()
	}
	return m.one("", "", "", ",", "'", `"`) + list + m.one("", "", "", ",", ",,", " , ", "'", `"`)
}

func (m maker) references() string {
	one := func() string {
		name := m.one("site_name", "site_name", "host", "port", "dry_run", "logstash.port", "ssm.output_path", "extractor.user",
			"extractor.timeout", "extractor.insecure", "service_name", "max_size", "user", "ssm", "nope", "PORT", "HOME",
			"DEFAULT.site_name", "logstash.nope", "nova.x", "host.", "host.eu", "SSM.max_size", "tenants_", "K", "ſx", "mapping_file")
		return m.one("$"+name, "${"+name+"}", "$"+name+"-", "${"+name+"}.eu", "x$"+name, "$$"+name, `\$`+name, "${"+name, "${"+name+" }")
	}
	text := one()
	for range m.IntN(3) {
		text += m.one(" ", "", "/", "$$", "$", "$9", "$-", `\\$$`, "${", "${a b}", "a$", "é") + one()
	}
	return m.one("", "", "", `"`) + text + m.one("", "", "", `"`)
}

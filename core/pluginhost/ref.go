package pluginhost

import (
	"fmt"
	"regexp"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Ref asks for one plugin process.
type Ref struct {
	// Kind says which kind of plugin it is.
	Kind pluginv1.Kind
	// Name is the plugin's own name, the NAME of caso-extractor-NAME or caso-messenger-NAME.
	Name string
	// Instance is what the configuration calls this process, where that is another name.
	Instance string
	// Path is the executable; empty to look for it in the host's directories.
	Path string
	// SHA256 is the only content that the executable may have, as 64 hexadecimal digits; empty for any.
	SHA256 string
	// Timeout bounds the start (with Describe), Configure and Close, each; 0 for the host's own bounds.
	Timeout time.Duration
}

// instance is what messages and logs call the process.
func (r Ref) instance() string {
	if r.Instance != "" {
		return r.Instance
	}
	return r.Name
}

// String names the process as messages do: "messenger ssm".
func (r Ref) String() string {
	if r.instance() != r.Name {
		return fmt.Sprintf("%s %s (plugin %s)", kindName(r.Kind), r.instance(), r.Name)
	}
	return kindName(r.Kind) + " " + r.Name
}

// fileName is what the executable of a plugin is called.
func fileName(kind pluginv1.Kind, name string) string {
	return "caso-" + kindName(kind) + "-" + name
}

// validName keeps a name from the configuration from being a path, and what package managers and editors
// leave beside a plugin (caso-messenger-ssm.dpkg-new, caso-messenger-ssm~) from being one.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func kindName(kind pluginv1.Kind) string {
	switch kind {
	case pluginv1.Kind_KIND_EXTRACTOR:
		return "extractor"
	case pluginv1.Kind_KIND_MESSENGER:
		return "messenger"
	}
	return "plugin"
}

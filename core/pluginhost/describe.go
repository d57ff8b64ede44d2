package pluginhost

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// setDescription checks the description of the plugin and removes what this host does not have.
func (p *Plugin) setDescription(d *pluginv1.DescribeResponse) error {
	if d.GetKind() != p.Instance.Kind || d.GetName() != p.Instance.Plugin {
		return p.wrongIdentity(d)
	}
	var warnings []string
	p.Description, warnings = contract.WithoutUnknown(d)
	for _, warning := range warnings {
		p.Warnings = append(p.Warnings, p.Instance.String()+": "+printable.Escape(warning))
	}
	if wrong := contract.CheckDescription(p.Description); len(wrong) > 0 {
		return fmt.Errorf("invalid plugin description: %s: install another version of the plugin, or report this to the plugin's author",
			printable.Escape(strings.Join(wrong, "; ")))
	}
	return nil
}

// wrongIdentity returns the error of a plugin that is another one than its instance names.
func (p *Plugin) wrongIdentity(d *pluginv1.DescribeResponse) error {
	kind, name := d.GetKind(), d.GetName()
	if kind != pluginv1.Kind_KIND_EXTRACTOR && kind != pluginv1.Kind_KIND_MESSENGER {
		return fmt.Errorf("plugin has the unknown kind %d: install a build of the plugin for this caso", kind)
	}
	remedy := "correct the configuration"
	if !contract.ValidPluginName(name) {
		remedy = "report this to the plugin's author"
	} else if wanted := contract.FileName(kind, name); filepath.Base(p.File.Path) != wanted {
		remedy = "rename the file to " + wanted
	}
	return fmt.Errorf("plugin is %s, not %s: %s", printable.Quote(contract.KindName(kind)+" "+name),
		printable.Quote(contract.KindName(p.Instance.Kind)+" "+p.Instance.Plugin), remedy)
}

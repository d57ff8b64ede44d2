package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// StartInstalled starts an installed plugin, configured or not, with the options of its section of
// the configuration: checksum and timeouts.
func (s *Session) StartInstalled(ctx context.Context, file pluginhost.File) (*pluginhost.Plugin, error) {
	if file.Err != nil {
		return nil, fmt.Errorf("%s: %w", file.Path, file.Err)
	}
	i := s.installedInstance(file)
	i.Path = file.Path
	plugins, errs := s.host.Start(ctx, []config.Instance{i})
	return plugins[0], errs[0]
}

// Installed returns every installed plugin, and those that the configuration names by path.
func (s *Session) Installed() []pluginhost.File {
	return s.host.List(slices.Concat(s.plugins.Extractors, s.plugins.Messengers))
}

// installedInstance resolves the instance that an installed plugin would be if the configuration
// named it.
func (s *Session) installedInstance(file pluginhost.File) config.Instance {
	option := "messengers"
	if file.Kind == pluginv1.Kind_KIND_EXTRACTOR {
		option = "extractor"
	}
	overrides := slices.Concat(s.input.Overrides,
		[]config.Override{{Section: "DEFAULT", Name: option, Value: file.Name}})
	plugins, _ := s.files.Plugins(s.hostOptions(), overrides)
	instances := plugins.Messengers
	if file.Kind == pluginv1.Kind_KIND_EXTRACTOR {
		instances = plugins.Extractors
	}
	if len(instances) == 1 && instances[0].Plugin == file.Name {
		return instances[0]
	}
	return config.Instance{Kind: file.Kind, Name: file.Name, Plugin: file.Name}
}

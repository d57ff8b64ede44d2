package openstack

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"github.com/caso-project/caso/plugins/internal/openstack/projects"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// UpdateProjects stores VOs in the VO property of projects and adds the tag to those to report.
func (e *Extractor) UpdateProjects(
	ctx context.Context, updates []*pluginv1.ProjectUpdate, dryRun bool,
) (commands []string, err error) {
	var errs []error
	for _, update := range updates {
		project := update.GetProject()
		if dryRun {
			commands = append(commands, e.updateCommands(update)...)
			continue
		}
		if update.GetVo() != "" {
			if err := projects.SetProperty(ctx, e.cloud, project, e.voPropertyOrDefault(), update.GetVo()); err != nil {
				errs = append(errs, sdk.Errorf("storing the VO of project %s: %s", project, err).
					WithProject(project).WithDetail(e.updateRemedy(update)))
			}
		}
		if update.GetReport() {
			if err := projects.AddTag(ctx, e.cloud, project, e.tag); err != nil {
				errs = append(errs, sdk.Errorf("tagging project %s: %s", project, err).
					WithProject(project).WithDetail(e.updateRemedy(update)))
			}
		}
	}
	return commands, errors.Join(errs...)
}

// updateCommands returns the commands of the openstack client that store a update.
func (e *Extractor) updateCommands(update *pluginv1.ProjectUpdate) []string {
	var commands []string
	project := shellescape.Quote(update.GetProject())
	if update.GetVo() != "" {
		commands = append(commands, "openstack project set --property "+
			shellescape.Quote(e.voPropertyOrDefault()+"="+update.GetVo())+" "+project)
	}
	if update.GetReport() {
		commands = append(commands, "openstack project set --tag "+shellescape.Quote(e.tag)+" "+project)
	}
	return commands
}

// updateRemedy returns the commands by which an administrator stores an update.
func (e *Extractor) updateRemedy(update *pluginv1.ProjectUpdate) string {
	return "An administrator can run:\n" + strings.Join(e.updateCommands(update), "\n")
}

// voPropertyOrDefault returns the property that VOs are stored in.
func (e *Extractor) voPropertyOrDefault() string {
	return cmp.Or(e.voProperty, projects.DefaultVOProperty)
}

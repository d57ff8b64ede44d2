package config

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/core/spelling"
	"github.com/caso-project/caso/internal/contract"
)

// Warnings returns what is probably a mistake in the files but prevents nothing: unknown and unused
// options and sections, and secrets that every user can read. It needs the options of all plugins
// in the schema.
func (s *Settings) Warnings() []Problem {
	var problems []Problem
	for _, file := range s.files.files {
		w := warner{settings: s, file: file}
		w.warnOfExposedSecret()
		for _, section := range file.text.Sections() {
			if names := file.text.Keys(section); len(names) > 0 {
				w.checkSection(section, names)
			}
		}
		w.warnOfLogging()
		problems = append(problems, w.problems...)
	}
	problems = append(problems, s.presetWarnings()...)
	sortProblems(s.files, problems)
	return problems
}

// presetWarnings returns a warning for each value of a file that an alias replaces by another.
func (s *Settings) presetWarnings() []Problem {
	var problems []Problem
	for _, instance := range s.plugins.instances() {
		for _, preset := range instance.presets() {
			value := s.values[instance.Overlay][preset.key()]
			if value.Origin.File == "" || !value.IsSet || fmt.Sprint(value.Any()) == preset.value {
				continue
			}
			problems = append(problems, Problem{Severity: Warning, File: value.Origin.File, Line: value.Origin.Line,
				Section: overlaySection(preset.section, value.Origin.overlay), Option: preset.option,
				Text: fmt.Sprintf("ignored by %s, which always has %s; use %s %s to choose the value",
					instance, preset.value, contract.KindName(instance.Kind), overlaySection(instance.Plugin, instance.Overlay))})
		}
	}
	return problems
}

// warner checks one file.
type warner struct {
	settings *Settings
	file     file
	problems []Problem

	// loggingOptions are options about logging, the first of which is at line loggingLine.
	loggingOptions []string
	loggingLine    int
}

func (w *warner) warn(line int, section, option, text string) {
	w.problems = append(w.problems, Problem{Warning, w.file.path, line, section, option, text})
}

// checkSection checks a section that has keys. The sections of other programs are ignored.
func (w *warner) checkSection(section string, names []string) {
	plain, overlay, overlaid := strings.Cut(section, "@")
	line := w.file.text.SectionLine(section)
	switch {
	case plain == strings.ToLower(oslo.DefaultSection):
		w.warn(line, section, "", fmt.Sprintf("unknown section; write [%s], with DEFAULT in capitals", overlaySection(oslo.DefaultSection, overlay)))
	case overlaid && !slices.Contains(w.settings.plugins.overlays(), overlay):
		w.warn(line, section, "", w.unusedOverlay(overlay))
	case w.settings.schema.sections[plain]:
		for _, name := range names {
			w.checkOption(section, name)
		}
	case slices.ContainsFunc(names, func(name string) bool { return w.settings.schema.known[key{plain, name}] != nil }):
		// It has an old name of an option in another section.
	case w.warnOfUnusedPlugin(section):
	case overlaid && w.settings.describes(overlay):
		w.warn(line, section, "", "unknown section"+w.nearestSection(plain, overlay))
	}
}

func (w *warner) unusedOverlay(overlay string) string {
	configured := w.settings.plugins.overlays()
	if len(configured) == 0 {
		return fmt.Sprintf("unused section: no extractor or messenger has the overlay %s; name one as NAME@%s", quoteUnprintable(shortened(overlay)), quoteUnprintable(shortened(overlay)))
	}
	hint := ""
	if nearest, ok := spelling.Nearest(overlay, configured); ok {
		hint = didYouMean(nearest)
	}
	return fmt.Sprintf("unused section: the overlays of extractors and messengers are %s%s", strings.Join(configured, ", "), hint)
}

// describes reports whether every plugin with an overlay started, so that all its options are
// known.
func (s *Settings) describes(overlay string) bool {
	return !slices.ContainsFunc(s.plugins.instances(), func(i Instance) bool {
		return i.Overlay == overlay && !s.schema.hasOptionsOf(i.Owner())
	})
}

func (w *warner) nearestSection(plain, overlay string) string {
	var sections []string
	for _, k := range w.settings.schema.order {
		sections = append(sections, k.section)
	}
	if nearest, ok := spelling.Nearest(plain, sections); ok {
		return didYouMean("[" + overlaySection(nearest, overlay) + "]")
	}
	return ""
}

// warnOfUnusedPlugin warns of the section [extractor_NAME] or [messenger_NAME] of a plugin that is
// not configured, and reports whether it is such a section.
func (w *warner) warnOfUnusedPlugin(section string) bool {
	kind, name, ok := strings.Cut(section, "_")
	option := map[string]string{"extractor": "extractor", "messenger": "messengers"}[kind]
	if !ok || option == "" {
		return false
	}
	w.warn(w.file.text.SectionLine(section), section, "",
		fmt.Sprintf("unused section: [DEFAULT] %s does not name %s", option, quoteUnprintable(shortened(name))))
	return true
}

func (w *warner) checkOption(section, name string) {
	value, _ := w.file.text.Value(section, name)
	w.warnOfIndentation(section, name, value)
	plain, overlay, _ := strings.Cut(section, "@")
	if option := w.settings.schema.known[key{plain, name}]; option != nil {
		w.warnOfUnusedOption(section, name, option, overlay, value.Line)
		return
	}
	if plain == oslo.DefaultSection {
		if isLoggingOption(name) {
			if len(w.loggingOptions) == 0 || value.Line < w.loggingLine {
				w.loggingLine = value.Line
			}
			w.loggingOptions = append(w.loggingOptions, name)
			return
		}
		if advice := osloAdvice(name); advice != "" {
			w.warn(value.Line, section, name, advice)
			return
		}
	}
	if !printableName.MatchString(name) {
		w.warn(value.Line, section, "", "line ignored: invalid option name before the first = or :")
		return
	}
	w.warn(value.Line, section, name, "unknown option, ignored"+w.settings.schema.hint(key{plain, name}, relativeTo(plain)))
}

// warnOfUnusedOption warns of an option in the section of an overlay that no value of the overlay
// depends on. An option that exists once is an error there.
func (w *warner) warnOfUnusedOption(section, name string, option *declared, overlay string, line int) {
	if overlay == "" || existsOnce(option) {
		return
	}
	plugins := w.settings.plugins
	for _, instance := range plugins.instances() {
		if _, ok := w.settings.Instance(instance).values[keyOf(option.Option)]; ok && instance.Overlay == overlay {
			return
		}
	}
	w.warn(line, section, name, fmt.Sprintf("unused option: it is an option of %s, but the overlay %s belongs to %s",
		joinOwners(option.owners), overlay, strings.Join(plugins.named(overlay), ", ")))
}

// printableName matches a name that can be printed. Anything else may be a password with a missing
// =.
var printableName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,39}$`)

// warnOfLogging warns once for a file of its options about logging.
func (w *warner) warnOfLogging() {
	if len(w.loggingOptions) > 0 {
		w.warn(w.loggingLine, oslo.DefaultSection, "", "ignored options about logging: "+strings.Join(w.loggingOptions, ", "))
	}
}

// warnOfIndentation warns of an indented line that looks like an option or a section, but continues
// the value above it.
func (w *warner) warnOfIndentation(section, name string, value oslo.Value) {
	plain, _, _ := strings.Cut(section, "@")
	known := w.settings.schema.known
	for i, line := range strings.Split(value.Text, "\n") {
		if i == 0 {
			continue
		}
		what := ""
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			what = "a section"
		} else if sign := strings.IndexAny(line, "=:"); sign >= 0 && known[key{plain, oslo.Trim(line[:sign])}] != nil {
			what = "option " + oslo.Trim(line[:sign])
		}
		if what != "" && (known[key{plain, name}] != nil || printableName.MatchString(name)) {
			w.warn(value.Line+i, section, name, "this line continues the value, since it is indented; remove its leading blanks to make it "+what)
		}
	}
}

// warnOfExposedSecret warns of the first secret in a file that every user of the machine can read.
func (w *warner) warnOfExposedSecret() {
	const others = fs.FileMode(0o004)
	if !w.file.mode.IsRegular() || w.file.mode&others == 0 {
		return
	}
	for _, section := range w.file.text.Sections() {
		plain, _, _ := strings.Cut(section, "@")
		for _, name := range w.file.text.Keys(section) {
			option := w.settings.schema.known[key{plain, name}]
			if option == nil || !option.GetSecret() {
				continue
			}
			if value, _ := w.file.text.Value(section, name); value.Text != "" {
				w.warn(value.Line, section, name, "every user of this machine can read this secret; run: chmod o-r "+quoteUnprintable(w.file.path))
				return
			}
		}
	}
}

// isLoggingOption reports whether a key of [DEFAULT] is an option of oslo.log, in the versions that
// cASO was used with, and has no meaning here. Configurations of cASO may have them.
func isLoggingOption(name string) bool {
	switch name {
	case "default_log_levels", "fatal_deprecations", "instance_format", "instance_uuid_format",
		"log_color", "log_config", "log_config_append", "log_date_format", "log_format",
		"log_rotate_interval", "log_rotate_interval_type", "log_rotation_type",
		"logging_context_format_string", "logging_debug_format_suffix", "logging_default_format_string",
		"logging_exception_prefix", "logging_user_identity_format", "max_logfile_count",
		"max_logfile_size_mb", "publish_errors", "rate_limit_burst", "rate_limit_except_level",
		"rate_limit_interval", "use_eventlog", "use_stderr", "use_syslog_rfc_format", "verbose",
		"watch_log_file":
		return true
	}
	return false
}

// osloAdvice returns what to do about a key of [DEFAULT] that oslo.config itself defines. Empty for
// others.
func osloAdvice(name string) string {
	switch name {
	case "config_file", "config_dir":
		return "no effect in a file; use --config-file or --config-dir on the command line"
	case "config_source":
		return "ignored: caso reads its configuration from files only"
	}
	return ""
}

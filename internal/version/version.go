// Package version holds the version of this build. The caso binary and every plugin of this module
// report the same one.
package version

import (
	"runtime/debug"
	"strings"
	"sync"
)

// development is the version of a build that has neither a linked version nor a module version: the
// next release, marked as unreleased.
const development = "0.1.0-dev"

const module = "github.com/caso-project/caso"

// linked is set by the Makefile when the commit has a release tag:
// -ldflags "-X github.com/caso-project/caso/internal/version.linked=1.2.3".
var linked string //nolint:gochecknoglobals // the linker's -X flag sets package variables only

// String returns the version without a leading "v": the linked one, else the version of the module
// (go install github.com/caso-project/caso/...@v1.2.3), else the development version with the
// commit that the Go build info names.
func String() string { return current() }

//nolint:gochecknoglobals // parsing the build info for every record would cost more than the record
var current = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return choose(linked, info)
})

func choose(linked string, info *debug.BuildInfo) string {
	if linked != "" {
		return strings.TrimPrefix(linked, "v")
	}
	if info == nil {
		return development
	}
	// A build in a checkout has the module version "(devel)" or, with VCS stamping, a pseudo-version,
	// which is v0.0.0-TIME-COMMIT before the first tag (https://go.dev/ref/mod#pseudo-versions).
	if v := info.Main.Version; info.Main.Path == module && strings.HasPrefix(v, "v") &&
		!strings.HasPrefix(v, "v0.0.0-") {
		return strings.TrimPrefix(v, "v")
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			return development + "+" + setting.Value[:12]
		}
	}
	return development
}

package run

import (
	"io"
	"time"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/report"
)

// Environment is what a run uses of the machine around it.
type Environment struct {
	// Program is the name that the program was called by.
	Program string
	// Home is the directory in which ~/.caso/caso.conf and ~/caso.conf are searched.
	Home string
	// Executable is the path of the caso binary; plugins are searched in plugins/ beside it.
	Executable string
	// Getenv reads the environment: CASO_LOCK_PATH and CASO_PLUGIN_PATH.
	Getenv func(string) string
	// Now is the clock.
	Now func() time.Time
	// Log receives log lines, with the secrets of the configuration masked.
	Log io.Writer
	// Progress is called after each extracted window, by several goroutines; may be nil.
	Progress func(done, planned int, window report.WindowResult)
	// WindowProgress is called while a window is extracted, with what the extractor has read of it so
	// far, such as 1200 servers; by several goroutines; may be nil.
	WindowProgress func(extractor, project, items string, done int64)
}

// Input selects the configuration.
type Input struct {
	// Sources are configuration files and directories; none: the default files.
	Sources []config.Source
	// Overrides are values that win over all files.
	Overrides []config.Override
}

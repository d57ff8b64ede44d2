package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// describeMachine names the machine, with the load that other programs cause.
func describeMachine() string {
	return fmt.Sprintf("%s, %d CPUs, %s memory, Linux %s, %s, load average %s", valueIn("/proc/cpuinfo", "model name"), runtime.NumCPU(),
		valueIn("/proc/meminfo", "MemTotal"), firstField("/proc/sys/kernel/osrelease"), runtime.Version(), firstField("/proc/loadavg"))
}

// valueIn returns the value of the first line "NAME: VALUE" of a file.
func valueIn(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.SplitSeq(string(text), "\n") {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown " + name
}

func firstField(path string) string {
	text, _ := os.ReadFile(path)
	field, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return field
}

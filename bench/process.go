package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a command used, with every process that it started.
type usage struct {
	wall time.Duration
	// cpu is the user and system time of all processes.
	cpu time.Duration
	// peaks is the largest resident size of each process in bytes (VmHWM), by the name of its program.
	peaks map[string]int64
	// output is the standard output.
	output string
}

// largest returns the largest of the peaks.
func (u usage) largest() int64 {
	largest := int64(0)
	for _, bytes := range u.peaks {
		largest = max(largest, bytes)
	}
	return largest
}

// pollInterval is how often the processes are looked at. Their peaks change slowly, and VmHWM never
// falls.
const pollInterval = 50 * time.Millisecond

// measure runs a command to its end. The processes that it starts must be waited for by their
// parents, as those of go-plugin and of caso are: their CPU time is in that of the command.
func measure(ctx context.Context, command *exec.Cmd) (usage, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	begun := time.Now()
	if err := command.Start(); err != nil {
		return usage{}, err
	}
	polling, stop := context.WithCancel(ctx)
	peaks := make(chan map[string]int64)
	go func() { peaks <- pollPeaks(polling, command.Process.Pid) }()
	err := command.Wait()
	used := usage{wall: time.Since(begun), output: stdout.String()}
	stop()
	used.peaks = <-peaks
	if err != nil {
		return usage{}, fmt.Errorf("%s: %w\n%s%s", command, err, stdout.String(), stderr.String())
	}
	used.cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	return used, nil
}

// pollPeaks returns the peaks of a process and its descendants, once ctx is done.
func pollPeaks(ctx context.Context, pid int) map[string]int64 {
	peaks := map[string]int64{}
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		for _, one := range append(descendants(pid), pid) {
			if name, bytes := readPeak(one); bytes > 0 {
				peaks[name] = max(peaks[name], bytes)
			}
		}
		select {
		case <-ctx.Done():
			return peaks
		case <-ticker.C:
		}
	}
}

// descendants returns the process IDs of the children of a process, and of theirs (proc(5)).
func descendants(pid int) []int {
	var found []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file) // the process may have ended
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				found = append(append(found, child), descendants(child)...)
			}
		}
	}
	return found
}

// readPeak returns the name and the largest resident size of a process; 0 if it has ended.
func readPeak(pid int) (name string, bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", 0
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		field, value, _ := strings.Cut(line, ":")
		if field == "VmHWM" {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			bytes = kib << 10
		}
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return "", 0
	}
	return strings.TrimPrefix(filepath.Base(path), "caso-"), bytes
}

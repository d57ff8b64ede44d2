package main

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// caso-messenger-lifeline clears its parent-death signal, so that only the SDK's lifeline ends it
// with the host. The signal belongs to the main thread, which is certain to run only while
// variables are set.
var _ = func() error {
	if strings.HasSuffix(os.Args[0], "caso-messenger-lifeline") {
		return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	}
	return nil
}()

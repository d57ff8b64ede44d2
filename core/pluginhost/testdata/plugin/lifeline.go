package main

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Without its parent-death signal caso-messenger-lifeline has nothing but the SDK's lifeline to follow the
// host by. The signal belongs to the main thread, which only runs for sure while variables are set.
var _ = func() error {
	if strings.HasSuffix(os.Args[0], "caso-messenger-lifeline") {
		return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	}
	return nil
}()

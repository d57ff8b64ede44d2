//go:build !linux

package sdk

import "golang.org/x/sys/unix"

// replaceFD makes a file descriptor a copy of another.
func replaceFD(with, fd int) error { return unix.Dup2(with, fd) }

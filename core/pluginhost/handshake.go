package pluginhost

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/printable"
)

var errNotGRPC = errors.New("does not serve gRPC: report this to the plugin's author")

// checkHandshake checks the line that a plugin prints when it serves (go-plugin's
// docs/internals.md: CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE) before go-plugin gets it.
// SocketDir is the private directory for the plugin's socket.
func checkHandshake(line, socketDir string) error {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 4 || !isNumber(fields[0]) || !isNumber(fields[1]) {
		return fmt.Errorf("printed %s instead of a handshake: the file is not a caso plugin, or it prints before it serves",
			printable.Quote(line))
	}
	const otherVersion = "has version %s of %s, this caso has version %s: install a build of the plugin for this caso"
	if core := strconv.Itoa(plugin.CoreProtocolVersion); fields[0] != core {
		return fmt.Errorf(otherVersion, fields[0], "go-plugin's handshake", core)
	}
	if version := strconv.Itoa(contract.ProtocolVersion); fields[1] != version {
		return fmt.Errorf(otherVersion, fields[1], "the plugin contract", version)
	}
	if len(fields) < 5 || fields[4] != string(plugin.ProtocolGRPC) {
		return errNotGRPC
	}
	if fields[2] != "unix" || !isWithin(socketDir, fields[3]) {
		return fmt.Errorf("serves on %s %s instead of a unix socket in the directory of %s: report this to the plugin's author",
			printable.Quote(fields[2]), printable.Quote(fields[3]), plugin.EnvUnixSocketDir)
	}
	if len(fields) < 6 || fields[5] == "" {
		return errors.New("has no TLS certificate in its handshake: report this to the plugin's author")
	}
	// Go-plugin's alphabet, without padding.
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return fmt.Errorf("has an invalid TLS certificate in its handshake (%w): report this to the plugin's author", err)
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}

func isWithin(dir, path string) bool {
	return filepath.IsAbs(path) && strings.HasPrefix(filepath.Clean(path), filepath.Clean(dir)+"/")
}

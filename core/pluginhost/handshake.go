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

	sdk "github.com/caso-project/caso/internal/oldsdk"
)

// checkHandshake checks the line that a plugin prints once it serves (go-plugin's docs/internals.md:
// CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE) before go-plugin sees it. Sockets is the private
// directory that the plugin was given for its socket.
func checkHandshake(line, sockets string) error {
	fields := strings.Split(strings.TrimSpace(line), "|")
	if len(fields) < 4 || !isNumber(fields[0]) || !isNumber(fields[1]) {
		return fmt.Errorf("it printed %s where a plugin's handshake belongs: it is no plugin of caso, or prints before it serves", quote(line))
	}
	if core := strconv.Itoa(plugin.CoreProtocolVersion); fields[0] != core {
		return fmt.Errorf("it speaks version %s of go-plugin's handshake and this caso speaks version %s: install a build of it for this caso", fields[0], core)
	}
	if version := strconv.Itoa(sdk.ProtocolVersion); fields[1] != version {
		return fmt.Errorf("it speaks version %s of the plugin contract and this caso speaks version %s: install a build of it for this caso", fields[1], version)
	}
	if len(fields) < 5 || fields[4] != string(plugin.ProtocolGRPC) {
		return errors.New("it does not serve gRPC: report this to its author")
	}
	if fields[2] != "unix" || !within(sockets, fields[3]) {
		return fmt.Errorf("it serves on %s %s and not on a unix socket in the directory that %s names: report this to its author",
			quote(fields[2]), quote(fields[3]), plugin.EnvUnixSocketDir)
	}
	if len(fields) < 6 || fields[5] == "" {
		return errors.New("it answers without a TLS certificate, so that it could be somebody else: report this to its author")
	}
	// The alphabet and the missing padding are go-plugin's.
	der, err := base64.RawStdEncoding.DecodeString(fields[5])
	if err == nil {
		_, err = x509.ParseCertificate(der)
	}
	if err != nil {
		return fmt.Errorf("its TLS certificate cannot be read (%w): report this to its author", err)
	}
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 31)
	return err == nil
}

func within(dir, path string) bool {
	return filepath.IsAbs(path) && strings.HasPrefix(filepath.Clean(path), filepath.Clean(dir)+"/")
}

// quote shows what a plugin printed, safely and not too much of it.
func quote(text string) string {
	const most = 120
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return strconv.Quote(text)
}

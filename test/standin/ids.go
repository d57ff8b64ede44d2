package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// hexID derives an id in keystone's form from a name.
func hexID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// uuid derives an id in nova's form from a name.
func uuid(parts ...string) string {
	h := hexID(parts...)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// The three ways in which OpenStack writes a time. All are UTC.
const (
	zTime     = "2006-01-02T15:04:05Z"        // created, updated
	microTime = "2006-01-02T15:04:05.000000"  // launched_at, actions
	tokenTime = "2006-01-02T15:04:05.000000Z" // tokens
)

// nullTime formats a time to the microsecond; zero is null.
func nullTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(microTime)
	return &s
}

// nullString returns a string; empty is null.
func nullString(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

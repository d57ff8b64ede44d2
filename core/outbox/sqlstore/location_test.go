package sqlstore

import (
	"strings"
	"testing"

	"github.com/caso-project/caso/core/outbox/outboxtest"
)

func TestParseLocation(t *testing.T) {
	for text, want := range map[string]string{
		"sqlite:///var/spool/caso/other.db":            "/var/spool/caso/other.db",
		"mysql://caso@db.example.org/caso":             "mysql://caso@db.example.org/caso",
		"mariadb://caso:secret@a:3306,b:3307/caso":     "mysql://caso@a:3306,b:3307/caso",
		"postgresql://caso:s%40cret@[::1]:5432/caso":   "postgres://caso@[::1]:5432/caso",
		"postgres://caso@a,b/caso?sslmode=verify-full": "postgres://caso@a,b/caso?sslmode=verify-full",
		"mysql://caso:secret@db/caso?tls=skip-verify":  "mysql://caso@db/caso?tls=skip-verify",
	} {
		location, err := ParseLocation(text, "")
		outboxtest.Must(t, err)
		outboxtest.Equal(t, text, location.String(), want)
		outboxtest.Equal(t, "password in "+text, location.PasswordInURL, strings.Contains(text, "cret@"))
		if _, err := location.engine(); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{
		"", "outbox.db", "/var/spool/caso/outbox.db", "sqlite://outbox.db", "sqlite:///", "sqlite:///a/", "sqlite:///a?x=1",
		"oracle://caso:secret@db/caso", "mysql://db/caso", "mysql://caso:secret@db", "mysql://caso:secret@db/", "mysql://caso:secret@db/a/b",
		"mysql://caso:secret@db,/caso", "postgres://caso:secret@/caso", "mysql://caso:sec%ret@db/caso", "mysql://caso:secret@db/caso?%zz",
	} {
		_, err := ParseLocation(text, "")
		outboxtest.MustFail(t, err, "outbox")
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error contains the password: %v", text, err)
		}
	}
}

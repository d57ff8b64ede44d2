package sqlstore

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/caso-project/caso/core/outbox"
)

// Location is the place of an outbox.
type Location struct {
	// path is set for an embedded outbox, address for one on a server.
	path    string
	address *url.URL
	// hosts lists HOST or HOST:PORT of the server.
	hosts    []string
	password string
	// PasswordInURL is true if the URL contained the password, which more people can read than a
	// file of its own.
	PasswordInURL bool
}

// InDirectory returns the location of the embedded outbox in a spool directory.
func InDirectory(spooldir string) Location {
	return Location{path: filepath.Join(spooldir, outbox.FileName)}
}

// ParseLocation parses a URL: sqlite:///PATH, mysql://USER@HOST[,HOST...]/DATABASE or
// postgres://USER@HOST[,HOST...]/DATABASE. A password that is not empty replaces that of the URL.
func ParseLocation(text, password string) (Location, error) {
	scheme, rest, found := strings.Cut(text, "://")
	authority, _, _ := strings.Cut(rest, "/")
	userinfo, hosts, hasUser := cutLast(authority, "@")
	if !found {
		return Location{}, fmt.Errorf("invalid URL of the outbox: use %s", urlForms)
	}
	// net/url accepts one host only, and its errors would print the password.
	plain := scheme + "://" + strings.Replace(rest, authority, map[bool]string{true: userinfo + "@"}[hasUser]+"host", 1)
	address, err := url.Parse(plain)
	if err != nil {
		return Location{}, fmt.Errorf("invalid URL of the outbox: write special characters of user, password and path as %%XX, or use %s", urlForms)
	}
	switch scheme {
	case "sqlite":
		if authority != "" || !filepath.IsAbs(address.Path) || strings.HasSuffix(address.Path, "/") || address.RawQuery != "" {
			return Location{}, fmt.Errorf("invalid URL %q of the outbox: use sqlite:///PATH with an absolute path of a file", text)
		}
		return Location{path: address.Path}, nil
	case "mariadb":
		address.Scheme = "mysql"
	case "postgresql":
		address.Scheme = "postgres"
	case "mysql", "postgres":
	default:
		return Location{}, fmt.Errorf("unknown scheme %q in the URL of the outbox: use %s", scheme, urlForms)
	}
	l := Location{address: address, hosts: strings.Split(hosts, ","), password: password}
	if inURL, ok := address.User.Password(); ok {
		l.PasswordInURL = true
		if password == "" {
			l.password = inURL
		}
	}
	address.Host, address.User = hosts, url.User(address.User.Username())
	return l, l.checkAddress()
}

const urlForms = "sqlite:///PATH, mysql://USER@HOST/DATABASE or postgres://USER@HOST/DATABASE"

func (l *Location) checkAddress() error {
	switch {
	case l.address.User.Username() == "":
		return fmt.Errorf("the URL %q of the outbox has no user: use %s", l, urlForms)
	case l.database() == "" || strings.Contains(l.database(), "/"):
		return fmt.Errorf("the URL %q of the outbox has no database: use %s", l, urlForms)
	}
	for _, host := range l.hosts {
		if host == "" || strings.ContainsAny(host, " ?#") {
			return fmt.Errorf("invalid host %q in the URL %q of the outbox", host, l)
		}
	}
	if _, err := url.ParseQuery(l.address.RawQuery); err != nil {
		return errors.New("invalid options after ? in the URL of the outbox")
	}
	return nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return "", s, false
}

func (l Location) database() string { return strings.TrimPrefix(l.address.Path, "/") }

// Shared reports whether several hosts can use the outbox.
func (l Location) Shared() bool { return l.address != nil }

// String returns the path or the URL, without a password.
func (l Location) String() string {
	if l.address == nil {
		return l.path
	}
	return l.address.String()
}

func (l Location) engine() (engine, error) {
	switch {
	case l.address == nil:
		return &sqliteEngine{path: l.path}, nil
	case l.address.Scheme == "mysql":
		return newMySQL(l)
	}
	return newPostgreSQL(l)
}

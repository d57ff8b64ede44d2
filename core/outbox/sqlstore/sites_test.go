package sqlstore

import (
	"errors"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

func TestOutboxOfAnotherSite(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { testSites(t, InDirectory(t.TempDir())) })
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		location, err := ParseLocation(newPlace(t).(serverPlace).dsn, "")
		outboxtest.Must(t, err)
		testSites(t, location)
	})
}

func testSites(t *testing.T, location Location) {
	openFor := func(readOnly bool, sites ...string) (*Store, error) {
		return Open(location, Options{Sites: sites, ReadOnly: readOnly, LeaseTimeout: testLease})
	}
	add := func(sites ...string) []string {
		t.Helper()
		store, err := openFor(false, sites...)
		outboxtest.Must(t, err)
		added, err := store.AddSites(sites)
		outboxtest.Must(t, err)
		outboxtest.Must(t, store.Close())
		return added
	}
	refuse := func(sites ...string) {
		t.Helper()
		for _, readOnly := range []bool{true, false} {
			if _, err := openFor(readOnly, sites...); !errors.Is(err, outbox.ErrOtherSite) {
				t.Errorf("%q, read-only %t: %v", sites, readOnly, err)
			}
		}
	}
	outboxtest.Equal(t, "first run adds", add("IFCA"), []string{})
	outboxtest.Equal(t, "second run adds", add("IFCA"), []string{})
	refuse("CESGA")
	outboxtest.Equal(t, "run with another cloud adds", add("CESGA", "IFCA"), []string{"CESGA"})
	outboxtest.Equal(t, "run with one of them adds", add("CESGA"), []string{})
	refuse("BIFI", "ifca")

	// The lease of an active run does not hide the cause.
	active, err := openFor(false, "IFCA")
	outboxtest.Must(t, err)
	if location.Shared() {
		refuse("BIFI")
	}
	if _, err := active.AddSites([]string{"BIFI"}); !errors.Is(err, outbox.ErrOtherSite) {
		t.Errorf("adding the sites of another configuration: %v", err)
	}
	outboxtest.Must(t, active.Close())

	store, err := openFor(false)
	outboxtest.Must(t, err)
	before, err := store.AdoptSites([]string{"BIFI", "BIFI-2"})
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "sites before", before, []string{"CESGA", "IFCA"})
	outboxtest.Must(t, store.Close())
	refuse("IFCA")
	outboxtest.Equal(t, "run after adopt adds", add("BIFI-2"), []string{})

	store, err = openFor(true)
	outboxtest.Must(t, err)
	sites, err := store.Sites()
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "sites", sites, []string{"BIFI", "BIFI-2"})
	outboxtest.Must(t, store.Close())
}

package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/core/outbox"
)

// checkSites returns an error if the outbox belongs to sites, and none of the names is among them.
// Without names it checks nothing.
func checkSites(ctx context.Context, db *sql.DB, query string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	var text string
	if err := db.QueryRowContext(ctx, query).Scan(&text); err != nil {
		return err
	}
	stored, err := decodeSites(text)
	if err != nil {
		return err
	}
	return compareSites(stored, names)
}

func compareSites(stored, names []string) error {
	if len(stored) == 0 || slices.ContainsFunc(names, func(name string) bool { return slices.Contains(stored, name) }) {
		return nil
	}
	return fmt.Errorf("%w: it has the records of %s, and the configuration is that of %s; set [DEFAULT] outbox or spooldir "+
		"to an outbox of your own, or, if this is the right one, run: caso outbox adopt",
		outbox.ErrOtherSite, SiteText(stored), SiteText(names))
}

// SiteText returns the names of sites for messages.
func SiteText(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	if len(names) == 1 {
		return "site " + quoted[0]
	}
	return "sites " + strings.Join(quoted, ", ")
}

func decodeSites(text string) ([]string, error) {
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("%w: outbox_state.sites is not a list of names in JSON: %w", outbox.ErrDamaged, err)
	}
	return names, nil
}

// Sites returns the names of the sites that the outbox belongs to, sorted.
func (s *Store) Sites() ([]string, error) {
	var names []string
	err := s.view("reading the sites of the outbox", func(t *tx) (err error) {
		names, err = t.sites()
		return err
	})
	return names, err
}

// AddSites makes the outbox belong to more sites. It returns the names that it added to those of
// earlier runs; none for an outbox that belonged to no site. If none of the names is among those of
// earlier runs, it returns an error that wraps outbox.ErrOtherSite.
func (s *Store) AddSites(names []string) (added []string, err error) {
	stored, err := s.Sites()
	if err != nil {
		return nil, err
	}
	added = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(stored, name) })
	if len(added) == 0 {
		return nil, nil
	}
	const doing = "adding sites to the outbox"
	if err := compareSites(stored, names); err != nil {
		return nil, s.errorf(doing, err)
	}
	if err := s.writeSites(doing, slices.Concat(stored, added)); err != nil || len(stored) == 0 {
		return nil, err
	}
	return added, nil
}

// AdoptSites makes the outbox belong to these sites and no others. It returns the names before.
func (s *Store) AdoptSites(names []string) (before []string, err error) {
	if len(names) == 0 {
		return nil, errors.New("adopting the outbox: no site names")
	}
	if before, err = s.Sites(); err != nil {
		return nil, err
	}
	return before, s.writeSites("adopting the outbox", names)
}

func (s *Store) writeSites(doing string, names []string) error {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	return s.update(doing, func(t *tx) error { return t.setSites(sorted) })
}

func (t *tx) setSites(names []string) error {
	text, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return t.execOne(updateSites, string(text))
}

func (t *tx) sites() ([]string, error) {
	text := "[]"
	if _, err := t.queryOne(selectSites, []any{&text}); err != nil {
		return nil, err
	}
	return decodeSites(text)
}

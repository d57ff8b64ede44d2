package run

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
)

// AdoptedOutbox is an outbox that AdoptOutbox changed.
type AdoptedOutbox struct {
	// Location is the path or the URL, without a password.
	Location string
	// Before and Sites are the names of the sites that it belonged to and belongs to.
	Before, Sites []string
}

// AdoptOutbox makes the outbox belong to the sites of the configuration and no others.
func (s *Session) AdoptOutbox() (AdoptedOutbox, error) {
	sites := s.siteNames()
	if len(sites) == 0 {
		return AdoptedOutbox{}, &Error{Kind: Configuration, Err: errors.New("adopting the outbox: the configuration has no [DEFAULT] site_name")}
	}
	store, release, err := s.openOutbox(nil)
	if err != nil {
		return AdoptedOutbox{}, err
	}
	defer release()
	before, err := store.AdoptSites(sites)
	if err != nil {
		return AdoptedOutbox{}, OutboxError(err)
	}
	return AdoptedOutbox{Location: store.Location(), Before: before, Sites: sites}, nil
}

// siteNames returns the value of site_name for every extractor instance of the files, also where
// --extractor selects others, sorted.
func (s *Session) siteNames() []string {
	overrides := slices.DeleteFunc(slices.Clone(s.input.Overrides), func(o config.Override) bool {
		return o.Section == "DEFAULT" && o.Name == "extractor"
	})
	// The problems were reported when the session was opened.
	all, _ := s.files.Plugins(s.hostOptions(), overrides)
	settings, _ := s.files.Resolve(all, all.Schema(s.hostOptions()), overrides)
	var names []string
	for _, i := range all.Extractors {
		names = append(names, settings.Instance(i).String("DEFAULT", "site_name"))
	}
	for _, i := range s.plugins.Extractors {
		names = append(names, s.settings.Instance(i).String("DEFAULT", "site_name"))
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// addSites makes the outbox belong to the sites of the configuration, and warns where that adds
// some to those of earlier runs.
func (s *Session) addSites(store *sqlstore.Store, run *report.Run) error {
	added, err := store.AddSites(s.siteNames())
	if err != nil {
		return OutboxError(err)
	}
	if len(added) > 0 {
		run.Problems = append(run.Problems, report.Problem{
			Severity: report.Warning,
			Summary:  fmt.Sprintf("outbox %s: it belongs to %s too from now on", store.Location(), sqlstore.SiteText(added)),
			Detail:   "The configuration has a site that earlier runs did not have, and one that they had.",
		})
	}
	return nil
}

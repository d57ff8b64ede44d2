package auth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/caso-project/caso/sdk"
)

// cloudsEntry is an entry of clouds.yaml. The zero value has no settings.
type cloudsEntry struct {
	url, userID, user, password                string
	appCredID, appCredName, appCredSecret      string
	trust, region, endpointType                string
	userDomain, projectDomain, directoryDomain Domain
	tls                                        *tls.Config
}

// readCloudsEntry reads the entry with a name. An empty name gives the zero value.
func readCloudsEntry(name string) (cloudsEntry, error) {
	if name == "" {
		return cloudsEntry{}, nil
	}
	locations := cloudsLocations()
	path, err := findCloudsFile(locations)
	if err != nil {
		return cloudsEntry{}, sdk.OptionErrorf(sectionKeystone, "cloud", "finding clouds.yaml: %s", err).
			WithDetail("Searched: " + strings.Join(locations, ", ") + ".\nCopy clouds.yaml to one of these paths, " +
				"or set the environment variable OS_CLIENT_CONFIG_FILE to its absolute path.")
	}
	entry, err := parseCloudsFile(path, name)
	if err != nil {
		command := "OS_CLIENT_CONFIG_FILE=" + path + " openstack --os-cloud " + name + " token issue"
		return cloudsEntry{}, sdk.OptionErrorf(sectionKeystone, "cloud", "reading cloud %q from %s: %s", name, path, err).
			WithDetail("Compare the name with the entries of the file, and check the file with: " + command)
	}
	return entry, nil
}

// cloudsLocations returns the paths at which clouds.yaml is looked for: the one that the
// environment names, else those of python-openstackclient without the working directory, which is
// / for a plugin.
func cloudsLocations() []string {
	if path := os.Getenv("OS_CLIENT_CONFIG_FILE"); path != "" {
		return []string{path}
	}
	var locations []string
	config := os.Getenv("XDG_CONFIG_HOME")
	if home := homeDirectory(); config == "" && home != "" {
		config = filepath.Join(home, ".config")
	}
	if config != "" {
		locations = append(locations, filepath.Join(config, "openstack", "clouds.yaml"))
	}
	return append(locations, "/etc/openstack/clouds.yaml")
}

// homeDirectory returns the home directory of the user, also where a service manager has set no
// HOME; empty if there is none.
func homeDirectory() string {
	if home, err := os.UserHomeDir(); err == nil {
		return home
	}
	current, err := user.Current()
	if err != nil {
		return ""
	}
	return current.HomeDir
}

// findCloudsFile returns the first path that exists.
func findCloudsFile(locations []string) (string, error) {
	for _, path := range locations {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	return "", errors.New("file does not exist")
}

// parseCloudsFile parses an entry with gophercloud's parser. The error has no secrets.
func parseCloudsFile(path, name string) (entry cloudsEntry, err error) {
	defer func() {
		// clouds.Parse dereferences a nil pointer where the entry has no `auth` (gophercloud
		// 2.15.0).
		if cause := recover(); cause != nil {
			entry, err = cloudsEntry{}, errors.New("the entry has no valid auth section")
		}
	}()
	options, endpoint, config, err := clouds.Parse(clouds.WithCloudName(name), clouds.WithLocations(path))
	if err != nil {
		return cloudsEntry{}, hideYAMLValues(err)
	}
	entry = cloudsEntry{
		url:           options.IdentityEndpoint,
		userID:        options.UserID,
		user:          options.Username,
		password:      options.Password,
		appCredID:     options.ApplicationCredentialID,
		appCredName:   options.ApplicationCredentialName,
		appCredSecret: options.ApplicationCredentialSecret,
		userDomain:    Domain{ID: options.DomainID, Name: options.DomainName},
		region:        endpoint.Region,
		endpointType:  string(endpoint.Availability),
		tls:           config,
	}
	if options.TokenID != "" && options.Password == "" && options.ApplicationCredentialSecret == "" {
		return cloudsEntry{}, errors.New("the entry has a token only: a password or an application credential is needed")
	}
	if scope := options.Scope; scope != nil {
		entry.trust = scope.TrustID
		domain := Domain{ID: scope.DomainID, Name: scope.DomainName}
		if scope.ProjectName != "" {
			entry.projectDomain = domain
		} else {
			entry.directoryDomain = domain
		}
	}
	return entry, nil
}

var yamlLine = regexp.MustCompile(`\bline \d+\b`)

// hideYAMLValues replaces an error of the YAML parser, which quotes the value that it cannot
// decode, by one with the lines only.
func hideYAMLValues(err error) error {
	text := err.Error()
	if !strings.Contains(text, "yaml: ") {
		return err
	}
	lines := yamlLine.FindAllString(text, -1)
	if len(lines) == 0 {
		return errors.New("the file is not valid YAML")
	}
	return fmt.Errorf("the file is not a valid clouds.yaml or secure.yaml (%s)", strings.Join(slices.Compact(lines), ", "))
}

package openstack_test

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
	"github.com/caso-project/caso/test/standin"
)

// newCloud serves a cloud and returns it with its URL.
func newCloud(t *testing.T, options standin.Options) (*standin.Cloud, string) {
	t.Helper()
	options.Seed = 1
	cloud := standin.New(options)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return cloud, server.URL
}

// passwordSettings are the settings to sign in with a password, `section.option` to value.
func passwordSettings(url string) map[string]string {
	return map[string]string{"keystone_auth.auth_url": url + "/v3",
		"keystone_auth.username": standin.AccountingUser, "keystone_auth.password": standin.AccountingPassword}
}

// configure configures an extractor as the host does.
func configure(t *testing.T, extractor *openstack.Extractor, settings map[string]string) error {
	t.Helper()
	extractor.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	var values []*pluginv1.OptionValue
	for _, declared := range extractor.Describe().Options {
		option := declared.Proto()
		text, ok := settings[option.GetSection()+"."+option.GetName()]
		if !ok && option.DefaultValue != nil {
			text, ok = option.GetDefaultValue(), true
		}
		value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
		switch {
		case !ok:
			continue
		case option.GetType() == pluginv1.OptionType_OPTION_TYPE_BOOLEAN:
			value.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: text == "true"}
		case option.GetType() == pluginv1.OptionType_OPTION_TYPE_INTEGER:
			number, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			value.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: number}
		default:
			value.Value = &pluginv1.OptionValue_StringValue{StringValue: text}
		}
		values = append(values, value)
	}
	return extractor.Configure(t.Context(), sdk.NewConfig("addresses", values))
}

// newConfigured returns an extractor that is configured with a password.
func newConfigured(t *testing.T, url string, more map[string]string) *openstack.Extractor {
	t.Helper()
	settings := passwordSettings(url)
	maps.Copy(settings, more)
	extractor := newAddresses()
	if err := configure(t, extractor, settings); err != nil {
		t.Fatalf("configuring: %v", err)
	}
	return extractor
}

// output collects records.
type output struct{ records []*pluginv1.Record }

func (o *output) Emit(record *pluginv1.Record) error {
	o.records = append(o.records, record)
	return nil
}

func (o *output) Progress(string, int64) {}

// extract extracts the last hour.
func extract(t *testing.T, extractor *openstack.Extractor, project string) ([]*pluginv1.Record, error) {
	t.Helper()
	to := time.Now().UTC().Truncate(time.Second)
	out := &output{}
	_, err := extractor.Extract(t.Context(), sdk.ExtractRequest{Project: &pluginv1.Project{Id: project},
		Window:      sdk.Window{From: to.Add(-time.Hour), To: to},
		RecordTypes: []pluginv1.RecordType{sdk.IP}}, out)
	return out.records, err
}

// contains reports whether a diagnostic with a severity has a text.
func contains(err error, severity sdk.Severity, text string) bool {
	for _, d := range sdk.Diagnostics(err) {
		if d.Severity == severity && strings.Contains(d.Summary+"\n"+d.Detail, text) {
			return true
		}
	}
	return false
}

// TestConform: a collector of another service than nova is a complete extractor.
func TestConform(t *testing.T) {
	_, url := newCloud(t, standin.Options{})
	plugintest.Conform(t, plugintest.Extractor(t, newAddresses()), plugintest.Settings{Options: passwordSettings(url)})
}

// TestCollector: the frame lists the projects, signs in and calls the collector, which counts the
// addresses of each project.
func TestCollector(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{})
	extractor := newConfigured(t, url, map[string]string{"addresses.user": "somebody"})
	projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
	if err != nil || len(projects) != 2 {
		t.Fatalf("%v %v", projects, err)
	}
	for i, project := range projects {
		records, err := extract(t, extractor, project.GetId())
		if len(records) != 1 {
			t.Fatalf("%v %v", records, err)
		}
		if got, want := records[0].GetIp(), len(cloud.FloatingIPs(project.GetId())); got.GetIpCount() != int64(want) ||
			want == 0 || got.GetLocalUserId() != "somebody" {
			t.Errorf("%v, want %d addresses", got, want)
		}
		if contains(err, sdk.SeverityWarning, "an example of a warning") != (i == 0) {
			t.Errorf("project %d: a warning once per run: %v", i, err)
		}
	}
}

// TestErrors: errors of the collector have the project and a remedy.
func TestErrors(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{})
	project := cloud.ProjectID("vo-biomed")
	for _, test := range []struct {
		name  string
		fault standin.Fault
		want  string
	}{
		{"403", standin.Fault{Status: 403, Match: floatingIPs}, "openstack role add --user accounting --project " + project},
		{"500", standin.Fault{Status: 500, Match: floatingIPs}, "counting the floating addresses: "},
	} {
		end := cloud.Fault(test.fault)
		records, err := extract(t, newConfigured(t, url, nil), project)
		end()
		if len(records) != 0 || !contains(err, sdk.SeverityError, test.want) || sdk.Diagnostics(err)[0].Project != project {
			t.Errorf("%s: %v %v", test.name, records, err)
		}
	}
}

func floatingIPs(r *http.Request) bool { return strings.Contains(r.URL.Path, "/floatingips") }

// TestCheck: Check signs in, reads the project list and the catalog, and names what is missing.
func TestCheck(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{Regions: []string{"North", "South"}})
	for _, test := range []struct {
		name     string
		settings map[string]string
		fails    bool
		want     string
	}{
		{"works", map[string]string{"DEFAULT.region_name": "South"}, false, ""},
		{"several regions", nil, false, "only North is reported"},
		{"no such region", map[string]string{"DEFAULT.region_name": "West"}, true, "no network service in region West"},
		{"wrong password", map[string]string{"keystone_auth.password": "wrong"}, true, "Check the user"},
		{"unreachable", map[string]string{"keystone_auth.auth_url": "http://127.0.0.1:1/v3"}, true, "Check [keystone_auth] auth_url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newConfigured(t, url, test.settings).Check(t.Context())
			severity := sdk.SeverityWarning
			if test.fails {
				severity = sdk.SeverityError
			}
			if (err == nil) != (test.want == "") || err != nil && !contains(err, severity, test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	for _, id := range []string{"vo-biomed", "vo-enmr", standin.ProjectWithoutVO} {
		cloud.Revoke(cloud.UserID(standin.AccountingUser), cloud.ProjectID(id))
	}
	if err := newConfigured(t, url, nil).Check(t.Context()); !contains(err, sdk.SeverityWarning, "a role on no project") {
		t.Errorf("without a role: %v", err)
	}
}

// TestConfigureCollector: an error of the collector's own options is an error of Configure.
func TestConfigureCollector(t *testing.T) {
	_, url := newCloud(t, standin.Options{})
	settings := passwordSettings(url)
	settings["addresses.user"] = ""
	if err := configure(t, newAddresses(), settings); !contains(err, sdk.SeverityError, "the user is missing") {
		t.Errorf("%v", err)
	}
}

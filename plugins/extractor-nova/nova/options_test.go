package nova

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
	"github.com/caso-project/caso/test/standin"
)

// TestConform runs the conformance suite.
func TestConform(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1}, nil)
	plugintest.Conform(t, plugintest.Extractor(t, New()), plugintest.Settings{
		From: beginning, To: now,
		Options: map[string]string{
			"extractor.user": standin.AccountingUser, "extractor.password": standin.AccountingPassword, "extractor.endpoint": b.url,
		},
	})
}

// TestConfigure: a missing or invalid value is an error of its option, and no connection is opened.
func TestConfigure(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	const endpoint, password = "https://cloud.example.org:5000/v3", "p#;%$ '\""
	for _, test := range []struct {
		name     string
		settings map[string]string
		errors   []string
		warning  string
	}{
		{name: "cASO 0.3", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint}},
		{name: "cASO 5", settings: map[string]string{"keystone_auth.auth_type": "v3password", "keystone_auth.auth_url": endpoint,
			"keystone_auth.username": "caso", "keystone_auth.password": password, "keystone_auth.user_domain_name": "Default"}},
		{name: "nothing", errors: []string{"keystone_auth.auth_url", "keystone_auth.password"}},
		{name: "no user", settings: map[string]string{"extractor.user": "", "extractor.password": password, "extractor.endpoint": endpoint},
			errors: []string{"keystone_auth.username"}},
		{name: "a URL without a scheme", settings: map[string]string{"extractor.password": password, "extractor.endpoint": "cloud:5000"},
			errors: []string{"keystone_auth.auth_url"}},
		{name: "insecure", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint, "extractor.insecure": "true"},
			warning: "TLS verification is disabled"},
		{name: "no CA file", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint, "keystone_auth.cafile": "/nowhere/ca.pem"},
			errors: []string{"keystone_auth.cafile"}},
		{name: "a CA file of something else", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint, "keystone_auth.cafile": notPEM},
			errors: []string{"keystone_auth.cafile"}},
		{name: "no client certificate", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint, "keystone_auth.certfile": "/nowhere/c.pem"},
			errors: []string{"keystone_auth.certfile"}},
		{name: "an application credential", settings: map[string]string{"extractor.endpoint": endpoint,
			"keystone_auth.application_credential_id": "a", "keystone_auth.application_credential_secret": "b"}},
		{name: "an application credential without a secret", settings: map[string]string{"extractor.endpoint": endpoint,
			"keystone_auth.application_credential_id": "a"}, errors: []string{"keystone_auth.application_credential_secret"}},
		{name: "no application credential", settings: map[string]string{"extractor.endpoint": endpoint,
			"keystone_auth.auth_type": "v3applicationcredential", "keystone_auth.application_credential_secret": "b"},
			errors: []string{"keystone_auth.application_credential_id"}},
		{name: "accelerators", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint, "accelerator.type_key": "gpu"},
			warning: "accelerator records are not reported"},
		{name: "accelerators as by default", settings: map[string]string{"extractor.password": password, "extractor.endpoint": endpoint,
			"accelerator.type_key": "Accelerator:Type"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, diagnostics := configured(t, test.settings)
			var wrong []string
			warned := false
			for _, d := range diagnostics {
				if strings.Contains(d.Error(), password) {
					t.Error("the password is printed")
				}
				switch {
				case d.Severity == sdk.SeverityError:
					wrong = append(wrong, d.Section+"."+d.Option)
				case test.warning == "" || !strings.Contains(d.Summary, test.warning):
					t.Errorf("an unexpected warning: %v", d)
				default:
					warned = true
				}
			}
			if !slices.Equal(wrong, test.errors) {
				t.Errorf("errors about %v, want %v: %v", wrong, test.errors, diagnostics)
			}
			if warned != (test.warning != "") {
				t.Errorf("no warning of %q", test.warning)
			}
		})
	}
}

// TestDefaults: in [keystone_auth] the options with a default are those of keystoneauth.
func TestDefaults(t *testing.T) {
	for _, declared := range New().Describe().Options {
		option := declared.Proto()
		if option.GetSection() == "keystone_auth" && option.DefaultValue != nil &&
			!slices.Contains([]string{"insecure", "openid_scope", "access_token_type"}, option.GetName()) {
			t.Errorf("[keystone_auth] %s has a default", option.GetName())
		}
		secret := strings.Contains(option.GetName(), "password") || strings.HasSuffix(option.GetName(), "_secret") ||
			slices.Contains([]string{"token", "passcode", "access_token"}, option.GetName())
		if option.GetSecret() != secret {
			t.Errorf("[%s] %s: secret is %t", option.GetSection(), option.GetName(), option.GetSecret())
		}
	}
}

// TestOptionsOfCASO5: the plugin declares every option of cASO 5's sample that concerns it.
func TestOptionsOfCASO5(t *testing.T) {
	known := map[string]bool{}
	for _, declared := range New().Describe().Options {
		option := declared.Proto()
		known[option.GetSection()+"."+option.GetName()] = true
		for _, old := range option.GetOldNames() {
			known[old.GetSection()+"."+old.GetName()] = true
		}
	}
	for section, names := range map[string]string{
		"DEFAULT":     "caso_tag vo_property region_name benchmark_name_key benchmark_value_key",
		"extractor":   "user password endpoint insecure",
		"accelerator": "type_key vendor_key model_key number_key",
		"benchmark":   "name_key value_key",
		"keystone_auth": "auth_type auth_plugin auth_section cafile certfile keyfile insecure timeout collect_timing split_loggers auth_url " +
			"system_scope domain_id domain_name project_id tenant_id project_name tenant_name project_domain_id project_domain_name trust_id " +
			"default_domain_id default_domain_name user_id username user_name user_domain_id user_domain_name password " +
			"application_credential_id application_credential_name application_credential_secret",
	} {
		for name := range strings.FieldsSeq(names) {
			if !known[section+"."+name] {
				t.Errorf("[%s] %s is not known", section, name)
			}
		}
	}
}

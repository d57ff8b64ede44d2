package config

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// schemaForTests returns the options of the host and of two invented plugins.
func schemaForTests() []Owned {
	extractor := []*pluginv1.Option{
		{Section: "DEFAULT", Name: "region_name", Type: typeString, Help: "A region."},
		{Section: "extractor", Name: "user", Type: typeString, DefaultValue: proto.String("accounting"), Help: "A user."},
		{Section: "extractor", Name: "password", Type: typeString, Secret: true, Help: "Its password."},
		{Section: "extractor", Name: "endpoint", Type: typeString, Help: "An address."},
		{Section: "extractor", Name: "insecure", Type: typeBoolean, DefaultValue: proto.String("false"), Help: "Skip the verification."},
		{Section: "extractor", Name: "tries", Type: typeInteger, Help: "How often."},
	}
	messenger := []*pluginv1.Option{
		{Section: "ssm", Name: "output_path", Type: typeString, DefaultValue: proto.String("/var/spool/apel"), Help: "A directory."},
		{Section: "ssm", Name: "max_size", Type: typeInteger, DefaultValue: proto.String("100"), Minimum: proto.Int64(1), Maximum: proto.Int64(1000), Help: "How many records."},
		{Section: "ssm", Name: "format", Type: typeString, Choices: []string{"v02", "v04"}, Help: "A version."},
		{Section: "ssm", Name: "labels", Type: typeList, Required: true, Help: "Some words."},
	}
	schema := Own(HostOwner, HostOptions(""))
	schema = append(schema, Own(HostOwner, PluginOptions(pluginv1.Kind_KIND_MESSENGER, "ssm"))...)
	schema = append(schema, Own("extractor-cloud", extractor)...)
	return append(schema, Own("messenger-ssm", messenger)...)
}

// readTexts makes Files of texts, named 1.conf, 2.conf and so on.
func readTexts(t testing.TB, texts ...string) (*Files, []Problem) {
	t.Helper()
	files := &Files{}
	var problems []Problem
	for i, text := range texts {
		problems = append(problems, files.add(fmt.Sprintf("%d.conf", i+1), 0o600, []byte(text))...)
	}
	return files, problems
}

// resolveTexts resolves texts that have no syntax mistakes, without plugins.
func resolveTexts(t testing.TB, overrides []Override, texts ...string) (*Settings, []Problem) {
	t.Helper()
	files, problems := readTexts(t, texts...)
	if len(problems) > 0 {
		t.Fatalf("reading: %v", problems)
	}
	return files.Resolve(Plugins{}, schemaForTests(), overrides)
}

package openstack_test

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// addresses is a whole extractor for another service than nova: it counts the floating addresses
// of a project. It has what an author writes, and no more.
type addresses struct{ user string }

func newAddresses() *openstack.Extractor { return openstack.New("network", &addresses{}) }

func (a *addresses) Describe() sdk.Description {
	return sdk.Description{Name: "addresses", RecordTypes: sdk.Emits(sdk.IP), Options: []sdk.Option{
		sdk.StringOption("addresses", "user", "The user in the records.").Default("nobody"),
	}}
}

func (a *addresses) Configure(_ context.Context, config sdk.Config) error {
	a.user = config.String("addresses", "user")
	if a.user == "" {
		return sdk.OptionErrorf("addresses", "user", "the user is missing")
	}
	return nil
}

func (a *addresses) Collect(ctx context.Context, scope openstack.Scope, out sdk.Output) ([]byte, error) {
	count := int64(0)
	session, err := scope.Session(ctx)
	if err != nil {
		return nil, err
	}
	service := session.VersionedService("network", scope.Region, "v2.0")
	address := service.ServiceURL("floatingips") + "?project_id=" + scope.Project.GetId()
	err = api.EachItem(ctx, service, address, "floatingips", func(json.RawMessage) error {
		count++
		out.Progress("addresses", count)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("counting the floating addresses: %w", err)
	}
	if scope.Notices.FirstTime("example") {
		return nil, a.emit(scope, out, count, sdk.Warnf("an example of a warning"))
	}
	return nil, a.emit(scope, out, count, nil)
}

func (a *addresses) emit(scope openstack.Scope, out sdk.Output, count int64, warning *sdk.Diagnostic) error {
	err := out.Emit(&pluginv1.Record{ProjectId: scope.Project.GetId(), CloudType: "example",
		Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{MeasurementTime: timestamppb.New(scope.Window.To),
			LocalUserId: a.user, GlobalUserName: a.user, IpVersion: 4, IpCount: count}}})
	if err != nil || warning == nil {
		return err
	}
	return warning
}

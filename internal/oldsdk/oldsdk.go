// Package oldsdk is the previous SDK interface on top of the present one, for packages that are being
// converted. The last conversion deletes it.
package oldsdk

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Re-exported names.
const (
	ProtocolVersion  = contract.ProtocolVersion
	MaxBatchRecords  = contract.MaxBatchRecords
	MaxBatchBytes    = contract.MaxBatchBytes
	MaxStateBytes    = contract.MaxStateBytes
	FullBatchRecords = contract.FullBatchRecords
	FullBatchBytes   = contract.FullBatchBytes
	MaxMessageBytes  = contract.MaxMessageBytes
	MaxRecordIDBytes = contract.MaxRecordIDBytes
	LogLevelEnv      = contract.LogLevelEnv
	LifelineEnv      = contract.LifelineEnv
	ClientCertEnv    = contract.ClientCertEnv
)

type (
	// Config is sdk.Config.
	Config = sdk.Config
	// Closer is sdk.Closer.
	Closer = sdk.Closer
)

var (
	NewConfig       = sdk.NewConfig
	Handshake       = contract.Handshake
	HostTLS         = contract.HostTLS
	RecordTypeOf    = contract.RecordTypeOf
	RecordID        = contract.RecordID
	CheckRecord     = contract.CheckRecord
	Rejected        = sdk.Rejected
	RejectedRecords = sdk.RejectedRecords
	RetryAfter      = sdk.RetryAfter
)

// Description is the previous description.
type Description struct {
	Name, Version string
	RecordTypes   []pluginv1.RecordType
	Options       []*pluginv1.Option
}

// Plugin is the previous interface.
type Plugin interface {
	Describe() Description
	Configure(ctx context.Context, config Config) []*pluginv1.Diagnostic
}

// Extractor is the previous interface.
type Extractor interface {
	Plugin
	ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error)
	Extract(ctx context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error)
}

// Messenger is the previous interface.
type Messenger interface {
	Plugin
	Deliver(ctx context.Context, batch *pluginv1.Batch) error
}

// ServeExtractor serves an extractor of the previous interface.
func ServeExtractor(e Extractor) { sdk.ServeExtractor(NewExtractor(e)) }

// ServeMessenger serves a messenger of the previous interface.
func ServeMessenger(m Messenger) { sdk.ServeMessenger(NewMessenger(m)) }

// NewExtractor converts an extractor.
func NewExtractor(e Extractor) sdk.Extractor { return extractor{base{e}, e} }

// NewMessenger converts a messenger.
func NewMessenger(m Messenger) sdk.Messenger { return messenger{base{m}, m} }

type base struct{ plugin Plugin }

func (b base) Describe() sdk.Description {
	old := b.plugin.Describe()
	d := sdk.Description{Name: old.Name, Version: old.Version, RecordTypes: sdk.Emits(old.RecordTypes...)}
	for _, option := range old.Options {
		d.Options = append(d.Options, sdk.OptionFromProto(option))
	}
	return d
}

func (b base) Configure(ctx context.Context, config Config) error {
	return join(b.plugin.Configure(ctx, config))
}

func (b base) Close(ctx context.Context) error {
	if closer, ok := b.plugin.(Closer); ok {
		return convert(closer.Close(ctx))
	}
	return nil
}

type extractor struct {
	base
	old Extractor
}

func (e extractor) ListProjects(ctx context.Context, r sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	response, err := e.old.ListProjects(ctx, &pluginv1.ListProjectsRequest{Projects: r.Projects, IncludeMarked: r.IncludeMarked})
	return response.GetProjects(), errors.Join(join(response.GetDiagnostics()), convert(err))
}

func (e extractor) Extract(ctx context.Context, r sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	state := r.State
	if r.Republish {
		state = nil
	}
	complete, err := e.old.Extract(ctx, &pluginv1.ExtractRequest{
		Project: r.Project, State: state, Republish: r.Republish, RecordTypes: r.RecordTypes,
		Window: &pluginv1.Window{From: timestamppb.New(r.Window.From), To: timestamppb.New(r.Window.To)},
	}, out.Emit)
	if err != nil {
		return nil, convert(err)
	}
	return complete.GetNextState(), join(complete.GetDiagnostics())
}

type messenger struct {
	base
	old Messenger
}

func (m messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	return convert(m.old.Deliver(ctx, batch))
}

// convert replaces the previous carrier of diagnostics in an error.
func convert(err error) error {
	var carrier *Error
	if errors.As(err, &carrier) {
		return join(Diagnostics(err))
	}
	return err
}

func join(diagnostics []*pluginv1.Diagnostic) error {
	var errs []error
	for _, d := range slices.Clone(diagnostics) {
		one := &sdk.Diagnostic{
			Summary: d.GetSummary(), Detail: d.GetDetail(), Project: d.GetProject(), Resource: d.GetResourceId(),
			Section: d.GetOption().GetSection(), Option: d.GetOption().GetName(),
		}
		switch d.GetSeverity() {
		case pluginv1.Diagnostic_SEVERITY_WARNING:
			one.Severity = sdk.SeverityWarning
		case pluginv1.Diagnostic_SEVERITY_INFO:
			one.Severity = sdk.SeverityInfo
		}
		errs = append(errs, one)
	}
	return errors.Join(errs...)
}

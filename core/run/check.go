package run

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/caso-project/caso/core/pluginhost"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// CheckStatus is the result of the check of one instance.
type CheckStatus string

// The statuses of a check.
const (
	CheckOK           CheckStatus = "ok"
	CheckWarning      CheckStatus = "warning"
	CheckFailed       CheckStatus = "failed"
	CheckNotSupported CheckStatus = "not supported"
)

// CheckResult is whether one instance can do its work now.
type CheckResult struct {
	Kind     string           `json:"kind"`
	Instance string           `json:"instance"`
	Status   CheckStatus      `json:"status"`
	Problems []report.Problem `json:"problems,omitempty"`
}

// Check calls Check on every instance, all at the same time, each bounded by its start_timeout. It
// needs extractors and messengers configured, and changes nothing.
func (s *Session) Check(ctx context.Context) []CheckResult {
	instances := s.instances()
	results := make([]CheckResult, len(instances))
	var calls sync.WaitGroup
	for n, i := range instances {
		calls.Go(func() { results[n] = i.check(ctx) })
	}
	calls.Wait()
	for _, result := range results {
		s.masker.maskProblems(result.Problems)
	}
	return results
}

func (i *instance) check(ctx context.Context) CheckResult {
	result := CheckResult{Kind: contract.KindName(i.Kind), Instance: i.Name, Status: CheckOK}
	err := i.err
	if err == nil {
		var diagnostics []*pluginv1.Diagnostic
		diagnostics, err = i.plugin.Check(ctx)
		result.Problems = report.FromDiagnostics(diagnostics)
	}
	switch {
	case errors.Is(err, pluginhost.ErrNotSupported):
		result.Status = CheckNotSupported
	case err != nil:
		// The result names the instance already.
		text := strings.TrimPrefix(err.Error(), i.String()+": ")
		result.Problems = append(result.Problems, report.Errorf("%s", text))
	}
	for _, problem := range result.Problems {
		switch {
		case problem.Severity == report.Error:
			result.Status = CheckFailed
		case problem.Severity == report.Warning && result.Status == CheckOK:
			result.Status = CheckWarning
		}
	}
	return result
}

package pipeline

import (
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// sink is where a window's records go: the outbox, or nowhere.
type sink interface {
	append([]*pluginv1.Record) error
	commit(plan.Window, *pluginv1.Complete) error
	abort() error
}

func (e *Extraction) begin(extractor *Extractor, project *pluginv1.Project, w plan.Window) (sink, error) {
	if e.Store == nil {
		return nowhere{}, nil
	}
	window, err := e.Store.Begin(outbox.Origin{
		Extractor: extractor.Name, ProjectID: project.GetId(), ProjectName: project.GetName(), From: w.From, To: w.To,
	})
	if err != nil {
		return nil, err
	}
	return outboxSink{window}, nil
}

type outboxSink struct{ window *outbox.WindowWriter }

func (s outboxSink) append(records []*pluginv1.Record) error { return s.window.Append(records) }

func (s outboxSink) commit(w plan.Window, complete *pluginv1.Complete) error {
	return s.window.Commit(outbox.Change{MoveCheckpoint: w.MoveCheckpoint, State: complete.GetNextState()})
}

func (s outboxSink) abort() error { return s.window.Abort() }

// nowhere is the sink of a dry run.
type nowhere struct{}

func (nowhere) append([]*pluginv1.Record) error              { return nil }
func (nowhere) commit(plan.Window, *pluginv1.Complete) error { return nil }
func (nowhere) abort() error                                 { return nil }

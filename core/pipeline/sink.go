package pipeline

import (
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
)

// sink receives the records of one window: the outbox, or nothing in a dry run.
type sink interface {
	append(outbox.Records) error
	commit(nextState []byte) error
	abort() error
}

// openSink starts a window in the store.
func (e *Extraction) openSink(job plan.Job, w plan.Window) (sink, error) {
	if e.Store == nil {
		return discardSink{}, nil
	}
	window, err := e.Store.Begin(outbox.Origin{Key: job.Key(), ProjectName: job.Project.GetName(), From: w.From, To: w.To})
	if err != nil {
		return nil, err
	}
	return outboxSink{window, w.Republish}, nil
}

type outboxSink struct {
	window    outbox.WindowWriter
	republish bool
}

func (s outboxSink) append(records outbox.Records) error { return s.window.Append(records) }

// commit makes the records visible. A republished window advances no checkpoint, and a state
// belongs to a checkpoint.
func (s outboxSink) commit(nextState []byte) error {
	if s.republish {
		return s.window.Commit(outbox.Change{})
	}
	return s.window.Commit(outbox.Change{MoveCheckpoint: true, State: nextState})
}

func (s outboxSink) abort() error { return s.window.Abort() }

// discardSink is the sink of a dry run.
type discardSink struct{}

func (discardSink) append(outbox.Records) error { return nil }
func (discardSink) commit([]byte) error         { return nil }
func (discardSink) abort() error                { return nil }

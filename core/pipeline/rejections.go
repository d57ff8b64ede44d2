package pipeline

import (
	"fmt"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/printable"
)

// maxRejectionLines is the number of different reasons that a report has for one messenger.
const maxRejectionLines = 20

// rejections collects what a messenger rejected in one run, by reason: a receiver that rejects
// everything has one reason for thousands of records.
type rejections struct {
	list []rejection
	// others counts the records with further reasons.
	others int
	// unknown counts the rejected records that are not in their batch, of which firstUnknown is one.
	unknown      int
	firstUnknown string
}

// rejection is the records with one reason.
type rejection struct {
	reason string
	// batches is 0 where single records were rejected.
	batches, records int
	// resource is the first batch or record.
	resource string
}

func (r *rejections) addRecord(id, reason string) { r.add(rejection{reason, 0, 1, id}) }

func (r *rejections) addBatch(id string, records int, reason string) {
	r.add(rejection{reason, 1, records, id})
}

// addUnknown adds the ids of rejected records that are not in their batch.
func (r *rejections) addUnknown(ids []string) {
	if r.unknown == 0 && len(ids) > 0 {
		r.firstUnknown = ids[0]
	}
	r.unknown += len(ids)
}

func (r *rejections) add(added rejection) {
	for i := range r.list {
		if known := &r.list[i]; known.reason == added.reason && (known.batches > 0) == (added.batches > 0) {
			known.batches += added.batches
			known.records += added.records
			return
		}
	}
	if len(r.list) == maxRejectionLines {
		r.others += added.records
		return
	}
	r.list = append(r.list, added)
}

// problems returns an error for each reason, with the number of records, and a warning about
// unknown records.
func (r *rejections) problems() []report.Problem {
	var problems []report.Problem
	for _, one := range r.list {
		what, letters := "a record", "dead letter"
		switch {
		case one.batches > 1:
			what, letters = fmt.Sprintf("%d batches of %s", one.batches, report.CountNoun(one.records, "record")), "dead letters"
		case one.batches == 1:
			what, letters = "a batch of "+report.CountNoun(one.records, "record"), "dead letters"
		case one.records > 1:
			what, letters = report.CountNoun(one.records, "record"), "dead letters"
		}
		problem := report.Errorf("rejected %s (%s): %s", what, letters, one.reason)
		if one.batches > 1 || one.batches == 0 && one.records > 1 {
			problem.Summary += " (the first is " + one.resource + ")"
		} else {
			problem = problem.WithResource(one.resource)
		}
		problems = append(problems, problem)
	}
	if r.others > 0 {
		problems = append(problems, report.Errorf("rejected %s (dead letters) for other reasons", report.CountNoun(r.others, "record")).
			WithDetail("All reasons: caso outbox list."))
	}
	if r.unknown > 0 {
		problems = append(problems, report.Warnf("the messenger rejected %s, not in the batch: %s; ignored",
			report.CountNoun(r.unknown, "record"), printable.Quote(r.firstUnknown)))
	}
	return problems
}

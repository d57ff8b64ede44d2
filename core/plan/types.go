package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger is what a plan depends on of a messenger instance.
type Messenger struct {
	Instance config.Instance
	// RecordTypes are the types that the plugin accepts, by its description. Nil if the plugin did
	// not start: then it may accept any, and its records must become pending.
	RecordTypes []pluginv1.RecordType
}

// Accepts reports whether a messenger is to receive the records of a type from an extractor
// instance.
func (m Messenger) Accepts(extractor string, recordType pluginv1.RecordType) bool {
	return m.pluginAccepts(recordType) && m.AcceptsExtractor(extractor) && m.optionAccepts(recordType)
}

func (m Messenger) pluginAccepts(recordType pluginv1.RecordType) bool {
	return m.RecordTypes == nil || slices.Contains(m.RecordTypes, recordType)
}

// AcceptsExtractor reports whether a messenger gets records of an extractor instance at all.
func (m Messenger) AcceptsExtractor(extractor string) bool {
	return len(m.Instance.Extractors) == 0 || slices.Contains(m.Instance.Extractors, extractor)
}

func (m Messenger) optionAccepts(recordType pluginv1.RecordType) bool {
	return len(m.Instance.RecordTypes) == 0 || slices.Contains(m.Instance.RecordTypes, recordType)
}

// WantedTypes returns the record types of an extractor instance that at least one messenger
// accepts. The others are not extracted, because their records would be lost: each of them is a
// warning, and an error is added if no type is left.
func WantedTypes(extractor string, emitted []*pluginv1.RecordTypeDescription, messengers []Messenger) ([]*pluginv1.RecordTypeDescription, []report.Problem) {
	var wanted []*pluginv1.RecordTypeDescription
	var problems []report.Problem
	for _, description := range emitted {
		recordType := description.GetType()
		if slices.ContainsFunc(messengers, func(m Messenger) bool { return m.Accepts(extractor, recordType) }) {
			wanted = append(wanted, description)
			continue
		}
		problem := report.Warnf("extractor %s: no messenger accepts %s records: they are not extracted", extractor, contract.RecordTypeName(recordType))
		problems = append(problems, problem.WithDetail("%s", acceptRemedy(extractor, recordType, messengers)))
	}
	if len(wanted) == 0 {
		problems = append(problems, report.Errorf("extractor %s: none of its record types is accepted by a messenger: nothing is extracted", extractor))
	}
	return wanted, problems
}

// acceptRemedy returns how to configure a messenger that accepts a record type from an extractor.
func acceptRemedy(extractor string, recordType pluginv1.RecordType, messengers []Messenger) string {
	name := contract.RecordTypeName(recordType)
	for _, m := range messengers {
		var options []string
		if !m.optionAccepts(recordType) {
			options = append(options, fmt.Sprintf("add %s to [messenger_%s] record_types", name, m.Instance.Name))
		}
		if !m.AcceptsExtractor(extractor) {
			options = append(options, fmt.Sprintf("add %s to [messenger_%s] extractors", extractor, m.Instance.Name))
		}
		if m.pluginAccepts(recordType) {
			return "To extract them, " + strings.Join(options, " and ") + "."
		}
	}
	return fmt.Sprintf("To extract them, add a messenger that accepts %s records to [DEFAULT] messengers.", name)
}

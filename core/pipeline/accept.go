package pipeline

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Site is who the records are reported for.
type Site struct {
	Name    string
	Service string
}

// accept checks a batch from an extractor against the contract and adds what only the host knows: the
// site, the VO and the records' ids. An extractor that breaks the contract once is not believed for
// the rest of the window either.
func accept(records []*pluginv1.Record, extractor *Extractor, project *pluginv1.Project, site Site) error {
	if len(records) > sdk.MaxBatchRecords {
		return fmt.Errorf("the extractor sent a batch of %d records, of at most %d", len(records), sdk.MaxBatchRecords)
	}
	if size := proto.Size(&pluginv1.RecordBatch{Records: records}); size > sdk.MaxBatchBytes {
		return fmt.Errorf("the extractor sent a batch of %d bytes, of at most %d", size, sdk.MaxBatchBytes)
	}
	for _, record := range records {
		if record.GetProjectId() != project.GetId() {
			return fmt.Errorf("the extractor sent a record of project %q", record.GetProjectId())
		}
		if kind := sdk.RecordTypeOf(record); !slices.Contains(extractor.Types, kind) {
			return fmt.Errorf("the extractor sent a record of type %s, which it had not announced", kind)
		}
		if err := sdk.CheckRecord(record); err != nil {
			return fmt.Errorf("the extractor sent an invalid record: %w", err)
		}
		record.SiteName = site.Name
		record.CloudComputeService = site.Service
		if record.GetFqan() == "" {
			record.Fqan = project.GetVo()
		}
		record.Id = sdk.RecordID(record)
	}
	return nil
}

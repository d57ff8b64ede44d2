package pipeline

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Site is the site and service of an extractor instance.
type Site struct {
	Name    string
	Service string
}

// acceptBatch checks a batch from an extractor and sets the fields that are the host's: site,
// service, VO and id. An error fails the window: an extractor that breaks the contract once may
// have done so unnoticed before.
func acceptBatch(batch *pluginv1.RecordBatch, check *contract.StreamCheck, project *pluginv1.Project, site Site) error {
	if count := len(batch.GetRecords()); count > contract.MaxBatchRecords {
		return fmt.Errorf("the extractor sent a batch of %d records, more than %d", count, contract.MaxBatchRecords)
	}
	if size := proto.Size(batch); size > contract.MaxBatchBytes {
		return fmt.Errorf("the extractor sent a batch of %d bytes, more than %d", size, contract.MaxBatchBytes)
	}
	for _, record := range batch.GetRecords() {
		if err := check.Add(record); err != nil {
			return invalidRecord(err)
		}
		record.SiteName = site.Name
		record.CloudComputeService = site.Service
		if record.GetFqan() == "" {
			record.Fqan = project.GetVo()
		}
		if size := len(record.GetFqan()); size > plan.MaxVOBytes {
			return invalidRecord(fmt.Errorf("%s: fqan has %d bytes, more than %d", contract.Subject(record), size, plan.MaxVOBytes))
		}
		record.Id = contract.RecordID(record)
	}
	if size := proto.Size(batch); size > maxStampedBytes {
		return fmt.Errorf("a batch of the extractor has %d bytes with site, service, VO and ids, more than %d", size, maxStampedBytes)
	}
	return nil
}

// maxStampedBytes limits a batch with the fields that the host sets. A messenger with gRPC's
// defaults receives up to 4 MiB (Go, Python, C++ and tonic).
const maxStampedBytes = 4<<20 - 64<<10

func invalidRecord(err error) error {
	return fmt.Errorf("the extractor sent an invalid record: %w", err)
}

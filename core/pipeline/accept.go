package pipeline

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Site is the site and service of an extractor instance.
type Site struct {
	Name    string
	Service string
}

// acceptBatch checks a batch from an extractor, sets the fields that are the host's (site, service,
// VO and id) and encodes the records. An error fails the window: an extractor that breaks the
// contract once may have done so unnoticed before.
func acceptBatch(batch *pluginv1.RecordBatch, check *contract.StreamCheck, project *pluginv1.Project, site Site) (outbox.Records, error) {
	if count := len(batch.GetRecords()); count > contract.MaxBatchRecords {
		return outbox.Records{}, fmt.Errorf("the extractor sent a batch of %d records, more than %d", count, contract.MaxBatchRecords)
	}
	// Each record is measured once, with the host's fields. The limit of what an extractor sends is
	// without them.
	sizes := make([]int, len(batch.GetRecords()))
	sent, stored := 0, 0
	for i, record := range batch.GetRecords() {
		if err := check.Add(record); err != nil {
			return outbox.Records{}, invalidRecord(err)
		}
		before := hostFieldBytes(record)
		record.SiteName = site.Name
		record.CloudComputeService = site.Service
		if record.GetFqan() == "" {
			record.Fqan = project.GetVo()
		}
		if size := len(record.GetFqan()); size > plan.MaxVOBytes {
			return outbox.Records{}, invalidRecord(fmt.Errorf("%s: fqan has %d bytes, more than %d", contract.Subject(record), size, plan.MaxVOBytes))
		}
		record.Id = contract.RecordID(record)
		sizes[i] = proto.Size(record)
		sent += outbox.EncodedSize(sizes[i] - hostFieldBytes(record) + before)
		stored += outbox.EncodedSize(sizes[i])
	}
	if sent > contract.MaxBatchBytes {
		return outbox.Records{}, fmt.Errorf("the extractor sent a batch of %d bytes, more than %d", sent, contract.MaxBatchBytes)
	}
	if stored > maxStampedBytes {
		return outbox.Records{}, fmt.Errorf("a batch of the extractor has %d bytes with site, service, VO and ids, more than %d", stored, maxStampedBytes)
	}
	return outbox.EncodeRecords(batch.GetRecords(), sizes)
}

// hostFieldBytes returns how many bytes of a record are the fields that the host sets. Their
// numbers are below 16, so that each has a tag of one byte.
func hostFieldBytes(record *pluginv1.Record) int {
	bytes := 0
	for _, value := range [4]string{record.GetId(), record.GetSiteName(), record.GetCloudComputeService(), record.GetFqan()} {
		if value != "" {
			bytes += 1 + protowire.SizeBytes(len(value))
		}
	}
	return bytes
}

// maxStampedBytes limits a batch with the fields that the host sets. A messenger with gRPC's
// defaults receives up to 4 MiB (Go, Python, C++ and tonic).
const maxStampedBytes = 4<<20 - 64<<10

func invalidRecord(err error) error {
	return fmt.Errorf("the extractor sent an invalid record: %w", err)
}

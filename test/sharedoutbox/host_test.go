package sharedoutbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
	"github.com/caso-project/caso/core/outbox/sqlstore"
)

const (
	// dsnVariable and receiversVariable make TestHost a host: the outbox, and the directory in
	// which the messengers store what they deliver.
	dsnVariable       = "CASO_TEST_SHARED_OUTBOX"
	receiversVariable = "CASO_TEST_RECEIVERS"

	// windowsPerRun is how many windows of each project a run of a host commits before it closes
	// the outbox and another host may open it.
	windowsPerRun = 4
	// batchesPerWindow makes a window larger than 1 MB, which is more than a transaction of Galera
	// should have.
	batchesPerWindow = 6
)

func projects() []string { return []string{"alpha", "beta"} }

func messengers() []string { return []string{"ssm", "logstash"} }

// recordID returns the ID of the only record of a batch. Hour h of a project has the window [h,
// h+1).
func recordID(project string, hour, batch int) string {
	return fmt.Sprintf("%s/%d/%d", project, hour, batch)
}

// event is a line that a host prints.
type event struct {
	// Host is filled in by the reader.
	Host *host `json:"-"`
	// Kind is one of the constants below.
	Kind    string
	Time    time.Time
	Project string
	Hour    int
	// Text is the error.
	Text string
}

const (
	hostOpened    = "opened"
	hostStaged    = "staged"
	hostCommitted = "committed"
	hostDelivered = "delivered"
	// hostInterrupted means that another host has the outbox, or that its server is unavailable.
	hostInterrupted = "interrupted"
	hostFailed      = "failed"
)

func report(e event) {
	e.Time = time.Now()
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
}

// TestHost runs as a host of its own: it extracts and delivers, run after run, until it is killed.
func TestHost(t *testing.T) {
	dsn := os.Getenv(dsnVariable)
	if dsn == "" {
		t.Skip("is a child process of the other tests")
	}
	location, err := sqlstore.ParseLocation(dsn, "")
	outboxtest.Must(t, err)
	// A timer starts the next run, as on a real host.
	for timer := time.NewTicker(time.Second); ; <-timer.C {
		err := runOnce(location)
		switch {
		case err == nil:
		case errors.Is(err, outbox.ErrLocked), errors.Is(err, outbox.ErrLeaseLost), errors.Is(err, outbox.ErrUnavailable):
			report(event{Kind: hostInterrupted, Text: err.Error()})
		default:
			report(event{Kind: hostFailed, Text: err.Error()})
		}
	}
}

func runOnce(location sqlstore.Location) error {
	store, err := sqlstore.Open(location, sqlstore.Options{LeaseTimeout: leaseTimeout, LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	report(event{Kind: hostOpened})
	_, err = store.Register(messengers())
	for range windowsPerRun {
		for _, project := range projects() {
			if err == nil {
				err = extractWindow(store, project)
			}
		}
		for _, messenger := range messengers() {
			if err == nil {
				err = deliverBacklog(store, messenger)
			}
		}
	}
	return errors.Join(err, store.Close())
}

func extractWindow(store *sqlstore.Store, project string) (err error) {
	checkpoint, found, err := store.Checkpoint(outboxtest.Key(project))
	if err != nil {
		return err
	}
	hour := 0
	if found {
		hour = int(checkpoint.To.Sub(outboxtest.Day()).Hours())
		if string(checkpoint.State) != fmt.Sprint(hour) {
			return fmt.Errorf("project %s: checkpoint %d with the state %q", project, hour, checkpoint.State)
		}
	}
	w, err := store.Begin(outboxtest.Origin(project, hour, hour+1))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }()
	for batch := range batchesPerWindow {
		if err := w.Append(outboxtest.Large(recordID(project, hour, batch))); err != nil {
			return err
		}
		report(event{Kind: hostStaged, Project: project, Hour: hour})
	}
	if err := w.Commit(outbox.Change{MoveCheckpoint: true, State: fmt.Append(nil, hour+1)}); err != nil {
		return err
	}
	report(event{Kind: hostCommitted, Project: project, Hour: hour})
	return nil
}

func deliverBacklog(store *sqlstore.Store, messenger string) error {
	for {
		batch, found, err := store.Next(messenger)
		if err != nil || !found {
			return err
		}
		if err := appendReceived(filepath.Join(os.Getenv(receiversVariable), messenger), batch); err != nil {
			return err
		}
		if err := store.Ack(messenger, batch.ID); err != nil {
			return err
		}
		report(event{Kind: hostDelivered, Project: batch.ProjectID})
	}
}

// appendReceived appends the record IDs of a batch, a line each, to the file of a messenger.
func appendReceived(path string, batch *outbox.Batch) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(strings.Join(outboxtest.IDs(batch.Records), "\n") + "\n")
	return errors.Join(err, file.Close())
}

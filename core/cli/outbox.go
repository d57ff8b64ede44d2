package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/outbox"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newOutbox(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "outbox",
		Short: "See what waits or was set aside, and decide about it",
		Long: `The outbox holds batches that a messenger has not had (waiting), and what a messenger's receiver refused
for good (set aside). What is set aside blocks nothing; it is kept until it is retried or dropped.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageErrorf("caso outbox: say list, show, retry or drop")
		},
	}
	command.AddCommand(newOutboxList(world), newOutboxShow(world), newOutboxRetry(world), newOutboxDrop(world))
	return command
}

// heldFacts is one batch, or what was set aside of one, for one messenger.
type heldFacts struct {
	State     string    `json:"state"`
	Messenger string    `json:"messenger"`
	Batch     string    `json:"batch"`
	Extractor string    `json:"extractor"`
	ProjectID string    `json:"project_id"`
	Project   string    `json:"project,omitempty"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Records   int       `json:"records"`
	Bytes     int       `json:"bytes"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason,omitempty"`
}

// openOutboxFor opens the outbox of the configuration: for a look, or under the run lock for a change. No
// plugin is started, so that it works when a plugin is what is wrong.
func openOutboxFor(world World, flags *settingsFlags, change bool) (s *session, store *outbox.Outbox, release func(), err error) {
	s, _, err = openHost(world, flags)
	if err != nil {
		return s, nil, nil, err
	}
	for _, option := range []string{"spooldir", "lock_path"} {
		if !s.settings.IsSet("DEFAULT", option) {
			return s, nil, nil, usageErrorf("error: [DEFAULT] %s cannot be resolved without the plugins; give it a plain value", option)
		}
	}
	if change {
		store, release, err = s.openSpool()
		return s, store, release, err
	}
	store, err = s.readSpool()
	return s, store, func() { _ = store.Close() }, err
}

func newOutboxList(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "list",
		Short: "List what waits for a messenger and what was set aside",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, store, release, err := openOutboxFor(world, flags, false)
			defer s.close()
			if err != nil {
				return err
			}
			defer release()
			facts, err := held(store)
			if err != nil {
				return spoolError(err)
			}
			return output.print(world.Stdout, facts, func() error {
				return table(world.Stdout, "STATE\tMESSENGER\tBATCH\tPROJECT\tWINDOW\tRECORDS\tBYTES\tAGE\tREASON", func(add func(string, ...any)) {
					for _, f := range facts {
						add("%s\t%s\t%s\t%s\t%s..%s\t%d\t%d\t%s\t%s", f.State, f.Messenger, f.Batch, orID(f.Project, f.ProjectID),
							f.From.UTC().Format(time.RFC3339), f.To.UTC().Format(time.RFC3339), f.Records, f.Bytes,
							world.Now().Sub(f.Since).Round(time.Second), f.Reason)
					}
				})
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

func held(store *outbox.Outbox) ([]heldFacts, error) {
	facts := []heldFacts{}
	waiting, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, batch := range waiting {
		for _, messenger := range batch.For {
			fact := factOf("waiting", messenger, batch.ID, batch.Origin)
			fact.Records, fact.Bytes, fact.Since = batch.Count, batch.Bytes, batch.Committed
			facts = append(facts, fact)
		}
	}
	aside, err := store.SetAsideList()
	if err != nil {
		return nil, err
	}
	for _, refused := range aside {
		fact := factOf("set aside", refused.Messenger, refused.BatchID, refused.Origin)
		fact.Records, fact.Since, fact.Reason = len(refused.Records), refused.Time, reasonOf(refused)
		fact.Bytes = proto.Size(&pluginv1.RecordBatch{Records: refused.Records})
		facts = append(facts, fact)
	}
	return facts, nil
}

func factOf(state, messenger, batch string, origin outbox.Origin) heldFacts {
	return heldFacts{
		State: state, Messenger: messenger, Batch: batch, Extractor: origin.Extractor,
		ProjectID: origin.ProjectID, Project: origin.ProjectName, From: origin.From, To: origin.To,
	}
}

// reasonOf is why a messenger refused, in one line.
func reasonOf(refused outbox.SetAside) string {
	if refused.Reason != "" {
		return refused.Reason
	}
	var reasons []string
	for _, reason := range refused.Faults {
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}

func newOutboxShow(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "show BATCH",
		Short: "Print the records of a batch that waits or was set aside, as JSON, a line each",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, store, release, err := openOutboxFor(world, flags, false)
			defer s.close()
			if err != nil {
				return err
			}
			defer release()
			records, err := recordsOf(store, args[0])
			if err != nil {
				return err
			}
			for _, record := range records {
				line, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(record)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintf(world.Stdout, "%s\n", line); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags.addSources(command)
	return command
}

func recordsOf(store *outbox.Outbox, id string) ([]*pluginv1.Record, error) {
	batch, ok, err := store.Read(id)
	if err != nil {
		return nil, spoolError(err)
	}
	if ok {
		return batch.Records, nil
	}
	aside, err := store.SetAsideList()
	if err != nil {
		return nil, spoolError(err)
	}
	for _, refused := range aside {
		if refused.BatchID == id {
			return refused.Records, nil
		}
	}
	return nil, usageErrorf("no batch %s waits or was set aside; see caso outbox list", id)
}

func newOutboxRetry(world World) *cobra.Command {
	return newOutboxChange(world, &settingsFlags{}, "retry", "Deliver what was set aside once more, with the next run or caso deliver", (*outbox.Outbox).Retry)
}

// newOutboxDrop forgets what was set aside, or what is kept for a messenger that left the configuration.
func newOutboxDrop(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := newOutboxChange(world, flags, "drop", "Forget what was set aside, or what is kept for a messenger that is no longer configured",
		(*outbox.Outbox).DropSetAside)
	var retired string
	command.Flags().StringVar(&retired, "retired", "", "forget this messenger, which is no longer configured, and what only waits for it")
	ofBatches := command.RunE
	command.RunE = func(command *cobra.Command, args []string) error {
		if retired == "" {
			return ofBatches(command, args)
		}
		if len(args) > 0 {
			return usageErrorf("caso outbox drop: --retired drops all that is kept for a messenger; name no batches")
		}
		return dropRetired(world, flags, retired)
	}
	return command
}

func dropRetired(world World, flags *settingsFlags, messenger string) error {
	s, store, release, err := openOutboxFor(world, flags, true)
	defer s.close()
	if err != nil {
		return err
	}
	defer release()
	if err := store.Drop(messenger); err != nil {
		return spoolError(err)
	}
	_, err = fmt.Fprintf(world.Stdout, "drop: messenger %s\n", messenger)
	return err
}

// newOutboxChange is a command on what was set aside: of one batch, or with --all of all batches.
func newOutboxChange(world World, flags *settingsFlags, name, short string, change func(store *outbox.Outbox, messenger, batch string) error) *cobra.Command {
	var messenger string
	var all bool
	command := &cobra.Command{
		Use:   name + " BATCH... | " + name + " --all",
		Short: short,
		RunE: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageErrorf("caso outbox %s: name batches, or say --all", name)
			}
			s, store, release, err := openOutboxFor(world, flags, true)
			defer s.close()
			if err != nil {
				return err
			}
			defer release()
			aside, err := store.SetAsideList()
			if err != nil {
				return spoolError(err)
			}
			done := 0
			for _, refused := range aside {
				if (messenger != "" && refused.Messenger != messenger) || (!all && !slices.Contains(args, refused.BatchID)) {
					continue
				}
				if err := change(store, refused.Messenger, refused.BatchID); err != nil {
					return &exitError{status: exitIncomplete, message: err.Error()}
				}
				done += len(refused.Records)
			}
			if done == 0 {
				return usageErrorf("nothing of that was set aside; see caso outbox list")
			}
			_, err = fmt.Fprintf(world.Stdout, "%s: %d records\n", name, done)
			return err
		},
	}
	flags.addSources(command)
	command.Flags().StringVar(&messenger, "messenger", "", "only what this messenger refused")
	command.Flags().BoolVar(&all, "all", false, "everything that was set aside")
	return command
}

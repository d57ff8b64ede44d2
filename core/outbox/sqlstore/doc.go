// Package sqlstore keeps the outbox in an SQL database: in SQLite, one file in the spool directory,
// or on a server that several hosts share, MariaDB 10.6 (with or without Galera), MySQL 8,
// PostgreSQL 13 or later. All engines use the same statements; engine and dialect are what differs.
//
// # Tables
//
//	outbox_state        one row: counters, the digest, the fence, and the names of the sites
//	outbox_windows      a row for each committed window, in commit order by position
//	outbox_batches      the records of a window, in batches numbered from 1; those of a window
//	                    that is not in outbox_windows are staged, and no messenger sees them
//	outbox_checkpoints  until when an extractor reported a project and region, and the state of it
//	outbox_states       the parts of states
//	outbox_cursors      the first batch that a messenger has not acknowledged: position and number,
//	                    and the last batch of the group that it may have received
//	outbox_dead_letters what messengers rejected, with the reason
//	outbox_schema       the migrations that were applied (github.com/pressly/goose)
//
// However many batches a window has, one row makes them visible, so a transaction is never larger
// than a few batches. statements.go contains all statements, migrations the schema of each engine.
//
// # Integrity
//
// Every row has a crc32c over all of its values, and outbox_state the sum of those of all rows but
// the batches: a row that differs, vanished, or is an old copy is noticed. A damaged batch costs
// its records only; the messengers get past it with Reject.
//
// # Sites
//
// The names of the sites in outbox_state keep two sites from using one outbox by mistake. A
// configuration that has none of them is refused. One that has some of them and others is that of
// an operator who has added a cloud, and the others are added.
//
// # Copies
//
// Copy copies rows as they are, checksums included, first those that are invisible as long as no
// window and no checkpoint refers to them, then the rest in one transaction. Until then the target
// counts as unused. An ID of a batch contains the generation and the number of its window, which
// stay as they are; the copy continues the numbers in generations of its own.
//
// # The fence
//
// Every transaction ends by changing outbox_state from the revision and the token that this process
// last wrote. A process that is not the only writer any more changes no row, and its transaction is
// rolled back. After a Commit whose outcome is unknown, the revision shows it.
//
// The writer of an SQLite file holds a file lock. On a server it holds a lease: the row
// outbox_state names the holder, whose transactions, or a renewal now and then, increase the
// revision. A process that finds the revision unchanged for the lease timeout takes the lease over
// and increases the token, after which the former holder cannot change anything. No clocks are
// compared.
package sqlstore

// Package outbox is the durable store between extraction and delivery. It exists so that a record is never lost
// and a checkpoint never advances without its records, whatever is killed when and however long a
// messenger is down.
//
// A window is written through a WindowWriter. Its batches are staged as they arrive and no messenger sees
// them. Commit makes all of them visible and moves checkpoint and state in one transaction: before it
// nothing of the window exists, after it nothing of it can be lost. Windows become visible in commit
// order, and the batches of one window are adjacent.
//
// Every messenger has a cursor of its own. Ack moves it past a batch, and the batch is deleted once the cursors
// of all messengers are past it. Reject also moves it, and keeps the rejected records as a dead letter
// with the reason, until that is retried or dropped.
//
// Not here: which windows exist and when a checkpoint may move (package plan), who extracts and delivers
// (package pipeline), and the run lock.
//
// # The file
//
// Seven buckets. Every value is sealed (see codec.go): a checksum, a head in JSON, a body.
//
//	meta         "format" -> the version of this layout
//	batches      number -> the records, as a pluginv1.Batch
//	staged       number -> nothing: batches of windows that are not committed
//	queue        position -> an entry: which batch, from which window, committed when
//	checkpoints  extractor NUL project -> until when it was reported, and the extractor's state
//	cursors      messenger -> the next position it has to look at
//	aside        messenger NUL batch id -> the reason, and the records
//
// Numbers and positions are big-endian, so that bbolt's order is theirs. A commit writes small entries
// only: the records stay where they were staged.
//
// bbolt believes what its pages say, and a damaged one could make it hang, or write over what is in use. So
// Open looks the pages' heads and keys through first (see pages.go), and leaves a file alone that is not in order.
//
// bbolt never makes a file smaller, but it gives the pages of deleted batches to later ones. So the file
// is as large as the longest queue ever was (plus the copies that one transaction needs), not as large
// as all that went through it.
package outbox

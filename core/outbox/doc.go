// Package outbox is the durable store between extraction and delivery. It exists so that a record
// is never lost and a checkpoint never advances without its records, whichever process is killed at
// whatever time.
//
// A window is written through a WindowWriter. Its batches are staged as they arrive and no
// messenger sees them. Commit makes all of them visible and moves checkpoint and state in one
// transaction: before it nothing of the window exists, after it nothing of it can be lost. Windows
// become visible in commit order, and the batches of one window are adjacent.
//
// Every messenger has a cursor of its own. Ack moves it past a batch, and the batch is deleted once
// the cursors of all messengers are past it. Reject also moves it, and keeps the rejected records
// as a dead letter with the reason, until that is retried or dropped.
//
// Other packages decide which windows exist and when a checkpoint may move (package plan), who
// extracts and delivers (package pipeline), and that only one run is active (package run).
//
// # The file
//
// Seven buckets. Every value has a checksum, a head in JSON and a body (codec.go).
//
//	meta         "format" -> the version of this layout
//	batches      number -> the records, as a pluginv1.Batch
//	staged       number -> empty: batches of windows that are not committed
//	queue        position -> an entry: the batch, its window and commit time
//	checkpoints  extractor NUL project -> the checkpoint and the extractor's state
//	cursors      messenger -> the next position to deliver
//	deadletters  messenger NUL batch id -> the reason, and the records
//
// Numbers and positions are big-endian, so that bbolt's order is numeric. A commit writes small
// entries only: the records stay where they were staged.
//
// bbolt trusts its pages, and a damaged one can make it hang or overwrite live data. So Open checks
// the heads and keys of all pages first (pages.go), and leaves a damaged file unchanged.
//
// bbolt never shrinks a file, but it reuses the pages of deleted batches. So the file is as large
// as the longest backlog ever was, plus the copies that one transaction needs. CloseAndShrink
// rewrites it.
package outbox

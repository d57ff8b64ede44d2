// Package outbox is the durable queue between extraction and delivery: one bbolt file that holds batches
// of records, the checkpoints from which windows start, and the cursors that say how far each messenger
// has got.
//
// Its one rule: what an extractor reports of a window is staged as it arrives and seen by nobody; Commit
// makes all of it visible and moves checkpoint and state in one transaction. Before that transaction
// nothing of the window exists, after it nothing of it can be lost, whatever is killed when. Windows
// become visible in the order of their commits, the batches of one side by side.
//
// Every messenger walks the queue with its own cursor. An acknowledged batch is deleted once every other
// messenger has had it too. What a messenger refuses for good is set aside with the reason.
//
// Which windows there are, when a checkpoint may move, who delivers what, and the lock that keeps two
// runs apart are decided elsewhere (packages plan, pipeline and cli).
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

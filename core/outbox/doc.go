// Package outbox defines the durable store between extraction and delivery: its types, its errors
// and what a store promises. It exists so that a record is never lost and a checkpoint never
// advances without its records, whatever is killed when and however long a messenger is down.
//
// A window is written through a WindowWriter. Its batches are staged as they arrive and no
// messenger sees them. Commit makes all of them visible and moves checkpoint and state in one
// transaction: before it nothing of the window exists, after it nothing of it can be lost. Windows
// become visible in commit order, and the batches of one window are adjacent.
//
// Every messenger has a cursor of its own. Ack moves it past a batch, and the batch is deleted once
// the cursors of all messengers are past it. Reject also moves it, and keeps the rejected records
// as a dead letter with the reason, until that is retried or dropped. A messenger gets consecutive
// small batches together, as a Group.
//
// Package sqlstore is the implementation, package outboxtest the suite that a store has to pass.
// Which methods of a store are used for what is declared where they are used: package pipeline
// (extraction, delivery), package run and the commands in package cli (administration).
//
// Not here: which windows exist and when a checkpoint may move (package plan), who extracts and
// delivers (package pipeline), and the run lock (package run).
package outbox

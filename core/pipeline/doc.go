// Package pipeline runs a plan: it streams each window's records from its extractor into the outbox,
// and the outbox's batches to the messengers. What a window is and when it may move a checkpoint is
// plan's business; what makes a batch durable is outbox's.
package pipeline

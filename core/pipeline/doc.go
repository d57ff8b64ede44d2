// Package pipeline runs a plan: it streams the records of each window from an extractor into the
// outbox, and pending batches from the outbox to the messengers. It checks every message of a
// plugin against the contract before it has an effect.
package pipeline

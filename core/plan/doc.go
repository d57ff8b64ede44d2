// Package plan decides which windows a run extracts: for every extractor and each of its projects, from
// when to when, and whether the checkpoint moves with it. It also fills in the VO of projects where the
// cloud does not know it.
//
// It is arithmetic on what it is given: the projects, the checkpoints, the clock and the interval that
// the operator asked for. The only things it reads are the marks that cASO left in the spool directory
// and the mapping file. Listing projects, keeping checkpoints and extracting are left to others
// (packages pluginhost, outbox and pipeline).
package plan

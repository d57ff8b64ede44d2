// Package plan decides what a run extracts: for every extractor instance and project the windows,
// and for every window the record types. A wrong window loses usage or bills it twice, so all of
// these decisions are in one package that calls no plugin and changes nothing:
//
//   - A regular window starts at the checkpoint and ends now, or earlier if the operator requested
//     it. The checkpoint advances to its end.
//   - A republish reports a past time again. The checkpoint stays. It is followed by one more
//     window if it would leave a month with an older figure than before (see start.republish).
//   - Which windows yield a record type depends on its time semantics alone (see
//     candidate.yieldedTypes).
//   - A record type that no messenger accepts is not extracted (see WantedTypes).
//
// A plan depends on the projects that the extractors list, the checkpoints, the clock and the
// window that the operator requested. The package reads two kinds of files: the mapping file, which
// has the VO of projects that have none in the cloud, and cASO's lastrun files, which have the
// start of the first window of a project.
package plan

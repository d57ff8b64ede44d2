// Package plugintest tests a plugin of caso against the rules of the contract
// (proto/caso/plugin/v1).
//
// Extractor and Messenger serve an implementation of package sdk inside the test. Binary starts an
// executable as the host does, in whatever language it is written. Conform then plays the host and
// checks every rule in a subtest of its own. Records generates records to test with.
//
// The package checks the contract and nothing else: whether the figures of a record are true, or
// what an external system makes of it, is for the plugin's own tests.
//
// # Rules
//
// Each rule with its reason. Settings.Skip leaves one out.
//
// Description and options (internal/contract has the grammar):
//
//   - describe_before_configure: Describe is answered without settings; `caso plugins describe`
//     asks nothing else.
//   - describe_stable: every answer is the same; the host asks once and relies on it.
//   - describe_valid: the name, version, kind and record types are valid; an extractor declares the
//     time semantics of each record type, by which the host plans windows.
//   - options_valid: every option follows the grammar, once; required options and secrets have no
//     default.
//   - options_defaults: every default is valid for its option; it would otherwise fail at the
//     operator's.
//
// Settings:
//
//   - configure_settings_declared: the settings of the test name declared options only.
//   - configure_required_missing: without a required option Configure returns an error; it must not
//     panic.
//   - configure_nothing: without any option Configure answers; the host validates incomplete files
//     too.
//   - configure_settings: the settings of the test are accepted.
//   - configure_twice: the last call counts.
//   - check_answers: Check answers with diagnostics if FEATURE_CHECK is declared, and is
//     unimplemented if not.
//
// Extractors:
//
//   - projects: ListProjects returns each project once, with an ID; two entries would bill its
//     usage twice.
//   - projects_unknown: a project that does not exist is an error diagnostic, not a failed call.
//   - extract_ends_once: a stream ends with exactly one Complete or Failure; anything else loses
//     the window.
//   - extract_finds_records: the window of the test has records; without them no rule is tested.
//   - extract_batch_limits: batches and state are within the limits of the contract; the host
//     rejects others.
//   - extract_host_fields: id, site_name and cloud_compute_service are empty; the host sets them.
//   - extract_record_valid, extract_requested_project, extract_requested_types, extract_fact_once,
//     extract_record_time, extract_in_window, extract_months, extract_time_order,
//     extract_never_falls: the rules for the records of one window (contract.StreamRules has their
//     reasons), for every record type, in the window of the test and in one that reaches back over
//     at least one month end.
//   - extract_over_month_end: a window that reaches back over a month end is extracted, for the
//     rules below.
//   - extract_wanted_types: if one of its record types is requested, an extractor emits no other.
//   - extract_repeats: the same window gives the same facts again; a failed window is extracted
//     again.
//   - extract_republish: with a later state and republish set, a window gives the same facts.
//   - extract_unknown_project: a project that does not exist fails the window, with a reason.
//   - extract_two_at_once: two projects are extracted at once without affecting each other.
//   - extract_cancelled: an abandoned call ends, and the next one works.
//
// Messengers:
//
//   - deliver_each_in_order: batches of different sizes are acknowledged in order, and arrive.
//   - deliver_again: a repeated batch is delivered; delivery is at least once.
//   - deliver_nothing: a stream without a batch ends cleanly.
//   - deliver_large_batch: a batch of the largest size is delivered.
//   - deliver_cancelled: an abandoned batch is delivered when it comes again.
//   - deliver_odd_records: odd but valid records are delivered or rejected, never retried: a retry
//     would block every batch behind them.
//   - deliver_after_odd_records: delivery continues after them.
//
// Process (Binary only):
//
//   - process_ends_with_host: the process ends when its lifeline does; it would otherwise outlive a
//     killed host.
//   - process_ignores_signals: signals to the process group do not interrupt a batch; the host ends
//     its plugins.
//   - process_by_hand: without the cookie the process ends with a status other than 0 instead of
//     waiting.
//   - close_answers: Close is answered.
package plugintest

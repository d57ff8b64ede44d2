-- The tables are described in doc.go.

-- +goose Up
CREATE TABLE outbox_state (
	id            INTEGER PRIMARY KEY CHECK (id = 1),
	revision      INTEGER NOT NULL,
	next_window   INTEGER NOT NULL,
	next_position INTEGER NOT NULL,
	digest        INTEGER NOT NULL,
	token         INTEGER NOT NULL,
	holder        TEXT    NOT NULL,
	sites         TEXT    NOT NULL
) STRICT;

CREATE TABLE outbox_windows (
	position     INTEGER PRIMARY KEY,
	window_id    INTEGER NOT NULL UNIQUE,
	generation   TEXT    NOT NULL,
	extractor    TEXT    NOT NULL,
	project_id   TEXT    NOT NULL,
	region       TEXT    NOT NULL,
	project_name TEXT    NOT NULL,
	from_time    TEXT    NOT NULL,
	to_time      TEXT    NOT NULL,
	committed_at TEXT    NOT NULL,
	messenger    TEXT    NOT NULL,
	first_number INTEGER NOT NULL,
	batch_count  INTEGER NOT NULL,
	checksum     INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox_batches (
	window_id    INTEGER NOT NULL,
	number       INTEGER NOT NULL,
	record_count INTEGER NOT NULL,
	byte_count   INTEGER NOT NULL,
	checksum     INTEGER NOT NULL,
	body         BLOB    NOT NULL,
	PRIMARY KEY (window_id, number)
) STRICT;

CREATE TABLE outbox_checkpoints (
	extractor    TEXT    NOT NULL,
	project_id   TEXT    NOT NULL,
	region       TEXT    NOT NULL,
	project_name TEXT    NOT NULL,
	to_time      TEXT    NOT NULL,
	moved_at     TEXT    NOT NULL,
	state_id     INTEGER NOT NULL,
	state_bytes  INTEGER NOT NULL,
	checksum     INTEGER NOT NULL,
	PRIMARY KEY (extractor, project_id, region)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_states (
	state_id INTEGER NOT NULL,
	number   INTEGER NOT NULL,
	checksum INTEGER NOT NULL,
	body     BLOB    NOT NULL,
	PRIMARY KEY (state_id, number)
) STRICT;

CREATE TABLE outbox_cursors (
	messenger      TEXT    PRIMARY KEY NOT NULL,
	next_position  INTEGER NOT NULL,
	next_number    INTEGER NOT NULL,
	until_position INTEGER NOT NULL,
	end_position   INTEGER NOT NULL,
	end_number     INTEGER NOT NULL,
	checksum       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_dead_letters (
	messenger      TEXT    NOT NULL,
	batch_id       TEXT    NOT NULL,
	extractor      TEXT    NOT NULL,
	project_id     TEXT    NOT NULL,
	region         TEXT    NOT NULL,
	project_name   TEXT    NOT NULL,
	from_time      TEXT    NOT NULL,
	to_time        TEXT    NOT NULL,
	rejected_at    TEXT    NOT NULL,
	reason         TEXT    NOT NULL,
	record_reasons TEXT    NOT NULL,
	byte_count     INTEGER NOT NULL,
	checksum       INTEGER NOT NULL,
	body           BLOB    NOT NULL,
	PRIMARY KEY (messenger, batch_id)
) STRICT;

INSERT INTO outbox_state (id, revision, next_window, next_position, digest, token, holder, sites)
VALUES (1, 0, 1, 1, 0, 0, '', '[]');

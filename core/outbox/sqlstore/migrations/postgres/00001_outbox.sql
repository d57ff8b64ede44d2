-- The tables are described in doc.go.

-- +goose Up
CREATE TABLE outbox_state (
	id            SMALLINT PRIMARY KEY CHECK (id = 1),
	revision      BIGINT NOT NULL,
	next_window   BIGINT NOT NULL,
	next_position BIGINT NOT NULL,
	digest        BIGINT NOT NULL,
	token         BIGINT NOT NULL,
	holder        TEXT    NOT NULL,
	sites         TEXT    NOT NULL
);

CREATE TABLE outbox_windows (
	position     BIGINT PRIMARY KEY,
	window_id    BIGINT NOT NULL UNIQUE,
	generation   TEXT    NOT NULL,
	extractor    TEXT    NOT NULL,
	project_id   TEXT    NOT NULL,
	region       TEXT    NOT NULL,
	project_name TEXT    NOT NULL,
	from_time    TEXT    NOT NULL,
	to_time      TEXT    NOT NULL,
	committed_at TEXT    NOT NULL,
	messenger    TEXT    NOT NULL,
	first_number BIGINT NOT NULL,
	batch_count  BIGINT NOT NULL,
	checksum     BIGINT NOT NULL
);

CREATE TABLE outbox_batches (
	window_id    BIGINT NOT NULL,
	number       BIGINT NOT NULL,
	record_count BIGINT NOT NULL,
	byte_count   BIGINT NOT NULL,
	checksum     BIGINT NOT NULL,
	body         BYTEA  NOT NULL,
	PRIMARY KEY (window_id, number)
);

CREATE TABLE outbox_checkpoints (
	extractor    TEXT    NOT NULL,
	project_id   TEXT    NOT NULL,
	region       TEXT    NOT NULL,
	project_name TEXT    NOT NULL,
	to_time      TEXT    NOT NULL,
	moved_at     TEXT    NOT NULL,
	state_id     BIGINT NOT NULL,
	state_bytes  BIGINT NOT NULL,
	checksum     BIGINT NOT NULL,
	PRIMARY KEY (extractor, project_id, region)
);

CREATE TABLE outbox_states (
	state_id BIGINT NOT NULL,
	number   BIGINT NOT NULL,
	checksum BIGINT NOT NULL,
	body     BYTEA  NOT NULL,
	PRIMARY KEY (state_id, number)
);

CREATE TABLE outbox_cursors (
	messenger      TEXT    PRIMARY KEY NOT NULL,
	next_position  BIGINT NOT NULL,
	next_number    BIGINT NOT NULL,
	until_position BIGINT NOT NULL,
	end_position   BIGINT NOT NULL,
	end_number     BIGINT NOT NULL,
	checksum       BIGINT NOT NULL
);

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
	byte_count     BIGINT NOT NULL,
	checksum       BIGINT NOT NULL,
	body           BYTEA  NOT NULL,
	PRIMARY KEY (messenger, batch_id)
);

INSERT INTO outbox_state (id, revision, next_window, next_position, digest, token, holder, sites)
VALUES (1, 0, 1, 1, 0, 0, '', '[]');

-- Records do not compress well enough to pay for the time that a commit takes (measured: 6 to 14 ms
-- with compression, 2 to 4 ms without).
ALTER TABLE outbox_batches ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE outbox_states ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE outbox_dead_letters ALTER COLUMN body SET STORAGE EXTERNAL;

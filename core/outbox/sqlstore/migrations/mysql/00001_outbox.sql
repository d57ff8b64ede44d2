-- The tables are described in doc.go. Keys are VARBINARY, because the collations of text ignore trailing
-- blanks, and often case. DDL is not transactional here, so every statement may run again.

-- +goose Up
CREATE TABLE IF NOT EXISTS outbox_state (
	id            SMALLINT PRIMARY KEY CHECK (id = 1),
	revision      BIGINT NOT NULL,
	next_window   BIGINT NOT NULL,
	next_position BIGINT NOT NULL,
	digest        BIGINT NOT NULL,
	token         BIGINT NOT NULL,
	holder        MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	sites         MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_windows (
	position     BIGINT PRIMARY KEY,
	window_id    BIGINT NOT NULL UNIQUE,
	generation   VARBINARY(255) NOT NULL,
	extractor    VARBINARY(255) NOT NULL,
	project_id   VARBINARY(255) NOT NULL,
	region       VARBINARY(255) NOT NULL,
	project_name MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	from_time    VARBINARY(40) NOT NULL,
	to_time      VARBINARY(40) NOT NULL,
	committed_at VARBINARY(40) NOT NULL,
	messenger    VARBINARY(255) NOT NULL,
	first_number BIGINT NOT NULL,
	batch_count  BIGINT NOT NULL,
	checksum     BIGINT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_batches (
	window_id    BIGINT NOT NULL,
	number       BIGINT NOT NULL,
	record_count BIGINT NOT NULL,
	byte_count   BIGINT NOT NULL,
	checksum     BIGINT NOT NULL,
	body         MEDIUMBLOB NOT NULL,
	PRIMARY KEY (window_id, number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_checkpoints (
	extractor    VARBINARY(255) NOT NULL,
	project_id   VARBINARY(255) NOT NULL,
	region       VARBINARY(255) NOT NULL,
	project_name MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	to_time      VARBINARY(40) NOT NULL,
	moved_at     VARBINARY(40) NOT NULL,
	state_id     BIGINT NOT NULL,
	state_bytes  BIGINT NOT NULL,
	checksum     BIGINT NOT NULL,
	PRIMARY KEY (extractor, project_id, region)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_states (
	state_id BIGINT NOT NULL,
	number   BIGINT NOT NULL,
	checksum BIGINT NOT NULL,
	body     MEDIUMBLOB NOT NULL,
	PRIMARY KEY (state_id, number)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_cursors (
	messenger      VARBINARY(255) PRIMARY KEY NOT NULL,
	next_position  BIGINT NOT NULL,
	next_number    BIGINT NOT NULL,
	until_position BIGINT NOT NULL,
	end_position   BIGINT NOT NULL,
	end_number     BIGINT NOT NULL,
	checksum       BIGINT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS outbox_dead_letters (
	messenger      VARBINARY(255) NOT NULL,
	batch_id       VARBINARY(255) NOT NULL,
	extractor      VARBINARY(255) NOT NULL,
	project_id     VARBINARY(255) NOT NULL,
	region         VARBINARY(255) NOT NULL,
	project_name   MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	from_time      VARBINARY(40) NOT NULL,
	to_time        VARBINARY(40) NOT NULL,
	rejected_at    VARBINARY(40) NOT NULL,
	reason         MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	record_reasons MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL,
	byte_count     BIGINT NOT NULL,
	checksum       BIGINT NOT NULL,
	body           MEDIUMBLOB NOT NULL,
	PRIMARY KEY (messenger, batch_id)
) ENGINE = InnoDB;

INSERT IGNORE INTO outbox_state (id, revision, next_window, next_position, digest, token, holder, sites)
VALUES (1, 0, 1, 1, 0, 0, '', '[]');

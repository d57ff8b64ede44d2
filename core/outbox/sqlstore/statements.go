package sqlstore

import (
	"strconv"
	"strings"
)

// statement is one SQL statement. All engines share the same text; numberPlaceholders adapts it.
type statement string

// The statements of the store, by table. doc.go describes the tables.
const (
	selectState statement = `SELECT revision, next_window, next_position, digest, token, holder
FROM outbox_state WHERE id = 1`

	selectDigest statement = `SELECT digest FROM outbox_state WHERE id = 1`

	// updateState ends every transaction. It changes a row only while no other process has written
	// since the last transaction of this one: token and revision are the fence.
	updateState statement = `UPDATE outbox_state SET revision = ?, next_window = ?, next_position = ?, digest = ?
WHERE id = 1 AND token = ? AND revision = ?`

	// lockState locks the row for the transaction, under the same condition.
	lockState statement = `UPDATE outbox_state SET holder = holder WHERE id = 1 AND token = ? AND revision = ?`

	takeLease statement = `UPDATE outbox_state SET revision = revision + 1, token = token + 1, holder = ?
WHERE id = 1 AND token = ? AND revision = ?`

	releaseLease statement = `UPDATE outbox_state SET revision = revision + 1, holder = ''
WHERE id = 1 AND token = ?`

	selectSites statement = `SELECT sites FROM outbox_state WHERE id = 1`

	updateSites statement = `UPDATE outbox_state SET sites = ? WHERE id = 1`
)

const (
	insertWindow statement = `INSERT INTO outbox_windows (position, window_id, generation, extractor, project_id,
region, project_name, from_time, to_time, committed_at, messenger, first_number, batch_count, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	selectWindows statement = `SELECT position, window_id, generation, extractor, project_id, region, project_name,
from_time, to_time, committed_at, messenger, first_number, batch_count, checksum
FROM outbox_windows WHERE position >= ? ORDER BY position`

	// selectNextWindow selects the first window that a messenger may get: its arguments are a
	// position and the name of the messenger.
	selectNextWindow statement = `SELECT position, window_id, generation, extractor, project_id, region, project_name,
from_time, to_time, committed_at, messenger, first_number, batch_count, checksum
FROM outbox_windows WHERE position >= ? AND messenger IN ('', ?) ORDER BY position LIMIT 1`

	selectOldestWindow statement = `SELECT position, first_number FROM outbox_windows ORDER BY position LIMIT 1`

	selectWindowOfID statement = `SELECT position FROM outbox_windows WHERE window_id = ?`

	updateWindow statement = `UPDATE outbox_windows SET first_number = ?, checksum = ? WHERE position = ?`

	deleteWindow statement = `DELETE FROM outbox_windows WHERE position = ?`
)

const (
	insertBatch statement = `INSERT INTO outbox_batches (window_id, number, record_count, byte_count, checksum, body)
VALUES (?, ?, ?, ?, ?, ?)`

	selectBatch statement = `SELECT record_count, checksum, body FROM outbox_batches WHERE window_id = ? AND number = ?`

	selectBatchSize statement = `SELECT record_count, byte_count FROM outbox_batches WHERE window_id = ? AND number = ?`

	selectBatchHeads statement = `SELECT window_id, number, record_count, byte_count FROM outbox_batches`

	selectStaged statement = `SELECT DISTINCT b.window_id FROM outbox_batches b
WHERE NOT EXISTS (SELECT 1 FROM outbox_windows w WHERE w.window_id = b.window_id)`

	selectLastBatch statement = `SELECT number FROM outbox_batches WHERE window_id = ? ORDER BY number DESC LIMIT 1`

	deleteBatchesUpTo statement = `DELETE FROM outbox_batches WHERE window_id = ? AND number <= ?`

	deleteBatchesFrom statement = `DELETE FROM outbox_batches WHERE window_id = ? AND number >= ?`

	sumBatches statement = `SELECT COALESCE(SUM(byte_count), 0) FROM outbox_batches`
)

const (
	insertCheckpoint statement = `INSERT INTO outbox_checkpoints (project_name, to_time, moved_at, state_id,
state_bytes, checksum, extractor, project_id, region) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

	updateCheckpoint statement = `UPDATE outbox_checkpoints SET project_name = ?, to_time = ?, moved_at = ?,
state_id = ?, state_bytes = ?, checksum = ? WHERE extractor = ? AND project_id = ? AND region = ?`

	selectCheckpoint statement = `SELECT extractor, project_id, region, project_name, to_time, moved_at, state_id,
state_bytes, checksum FROM outbox_checkpoints WHERE extractor = ? AND project_id = ? AND region = ?`

	selectCheckpoints statement = `SELECT extractor, project_id, region, project_name, to_time, moved_at, state_id,
state_bytes, checksum FROM outbox_checkpoints`

	deleteCheckpoint statement = `DELETE FROM outbox_checkpoints WHERE extractor = ? AND project_id = ? AND region = ?`

	sumStates statement = `SELECT COALESCE(SUM(state_bytes), 0) FROM outbox_checkpoints`
)

const (
	insertState statement = `INSERT INTO outbox_states (state_id, number, checksum, body) VALUES (?, ?, ?, ?)`

	selectStateParts statement = `SELECT checksum, body FROM outbox_states WHERE state_id = ? ORDER BY number`

	deleteState statement = `DELETE FROM outbox_states WHERE state_id = ? AND number = ?`

	selectUnusedStates statement = `SELECT s.state_id, s.number FROM outbox_states s
WHERE NOT EXISTS (SELECT 1 FROM outbox_checkpoints c WHERE c.state_id = s.state_id)`
)

const (
	insertCursor statement = `INSERT INTO outbox_cursors (next_position, next_number, until_position, end_position, end_number,
checksum, messenger) VALUES (?, ?, ?, ?, ?, ?, ?)`

	updateCursor statement = `UPDATE outbox_cursors SET next_position = ?, next_number = ?, until_position = ?,
end_position = ?, end_number = ?, checksum = ? WHERE messenger = ?`

	selectCursors statement = `SELECT messenger, next_position, next_number, until_position, end_position, end_number, checksum
FROM outbox_cursors`

	selectCursor statement = `SELECT messenger, next_position, next_number, until_position, end_position, end_number, checksum
FROM outbox_cursors WHERE messenger = ?`

	deleteCursor statement = `DELETE FROM outbox_cursors WHERE messenger = ?`
)

const (
	insertDeadLetter statement = `INSERT INTO outbox_dead_letters (messenger, batch_id, extractor, project_id, region,
project_name, from_time, to_time, rejected_at, reason, record_reasons, byte_count, checksum, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	selectDeadLetters statement = `SELECT messenger, batch_id, extractor, project_id, region, project_name, from_time, to_time,
rejected_at, reason, record_reasons, checksum, body FROM outbox_dead_letters`

	selectDeadLetter statement = `SELECT messenger, batch_id, extractor, project_id, region, project_name, from_time, to_time,
rejected_at, reason, record_reasons, checksum, body FROM outbox_dead_letters WHERE messenger = ? AND batch_id = ?`

	countDeadLetters statement = `SELECT messenger, COUNT(*) FROM outbox_dead_letters GROUP BY messenger`

	deleteDeadLetter statement = `DELETE FROM outbox_dead_letters WHERE messenger = ? AND batch_id = ?`

	sumDeadLetters statement = `SELECT COALESCE(SUM(byte_count), 0) FROM outbox_dead_letters`
)

// The statements of Copy. Columns are in the order of the insert statements.
const (
	selectCommittedBatches statement = `SELECT window_id, number, record_count, byte_count, checksum, body
FROM outbox_batches b WHERE EXISTS (SELECT 1 FROM outbox_windows w WHERE w.window_id = b.window_id)`

	selectAllBatches statement = `SELECT window_id, number, record_count, byte_count, checksum, body FROM outbox_batches`

	selectCommittedStates statement = `SELECT state_id, number, checksum, body
FROM outbox_states s WHERE EXISTS (SELECT 1 FROM outbox_checkpoints c WHERE c.state_id = s.state_id)`

	selectAllStates statement = `SELECT state_id, number, checksum, body FROM outbox_states`

	selectAllDeadLetters statement = `SELECT messenger, batch_id, extractor, project_id, region, project_name,
from_time, to_time, rejected_at, reason, record_reasons, byte_count, checksum, body FROM outbox_dead_letters`

	selectAllWindows statement = `SELECT position, window_id, generation, extractor, project_id, region, project_name,
from_time, to_time, committed_at, messenger, first_number, batch_count, checksum FROM outbox_windows`

	selectAllCheckpoints statement = `SELECT project_name, to_time, moved_at, state_id, state_bytes, checksum,
extractor, project_id, region FROM outbox_checkpoints`

	selectAllCursors statement = `SELECT next_position, next_number, until_position, end_position, end_number, checksum,
messenger FROM outbox_cursors`

	deleteDeadLetters statement = `DELETE FROM outbox_dead_letters`
)

// sumChecksums selects what the digest of outbox_state has to be.
const sumChecksums statement = `SELECT (SELECT COALESCE(SUM(checksum), 0) FROM outbox_windows)
+ (SELECT COALESCE(SUM(checksum), 0) FROM outbox_checkpoints)
+ (SELECT COALESCE(SUM(checksum), 0) FROM outbox_cursors)
+ (SELECT COALESCE(SUM(checksum), 0) FROM outbox_dead_letters)`

// numberPlaceholders replaces each ? by $1, $2 ... as PostgreSQL needs it. No statement has a ? in
// a literal.
func numberPlaceholders(s statement) string {
	var text strings.Builder
	for number, part := range strings.Split(string(s), "?") {
		if number > 0 {
			text.WriteString("$" + strconv.Itoa(number))
		}
		text.WriteString(part)
	}
	return text.String()
}

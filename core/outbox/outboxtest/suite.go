package outboxtest

import "testing"

// NewPlace returns a place where no outbox exists.
type NewPlace func(t testing.TB) Place

// Run runs the suite.
func Run(t *testing.T, newPlace NewPlace) {
	for name, test := range map[string]func(*testing.T, NewPlace){
		"abort leaves nothing":                        testAbortLeavesNothing,
		"ack must name the next batch":                testAckMustNameTheNextBatch,
		"batch is kept until all messengers ack":      testBatchIsKeptUntilAllMessengersAcknowledge,
		"begin refuses invalid origins":               testBeginRefusesInvalidOrigins,
		"checkpoint moves only forward without gap":   testCheckpointMovesOnlyForwardAndWithoutGap,
		"checkpoint is set and deleted":               testCheckpointIsSetAndDeleted,
		"concurrent windows and messengers":           testConcurrentWindowsAndMessengers,
		"drop messenger":                              testDropMessenger,
		"drop messenger deletes its retries":          testDropMessengerDeletesItsRetries,
		"groups":                                      testGroups,
		"ids are unique":                              testIDsAreUnique,
		"large state":                                 testLargeState,
		"model":                                       testAgainstModel,
		"messenger returns in the middle of a window": testMessengerReturnsInTheMiddleOfAWindow,
		"new messenger starts at oldest batch":        testNewMessengerStartsAtOldestBatch,
		"nothing is deleted without messengers":       testNothingIsDeletedWithoutMessengers,
		"nothing visible before commit, all after":    testNothingIsVisibleBeforeCommitAndAllIsAfter,
		"pending":                                    testPending,
		"read only":                                  testReadOnly,
		"reject stores a dead letter":                testRejectStoresADeadLetter,
		"retired messenger keeps its backlog":        testRetiredMessengerKeepsItsBacklog,
		"retry is for the messenger that rejected":   testRetryIsForTheMessengerThatRejected,
		"retry of some records":                      testRetryOfSomeRecords,
		"retry needs a configured messenger":         testRetryNeedsAConfiguredMessenger,
		"small batches are joined":                   testSmallBatchesArePutTogether,
		"stats":                                      testStats,
		"uncommitted windows are deleted at opening": testUncommittedWindowsAreDeletedAtOpening,
		"unusual texts":                              testUnusualTexts,
		"windows become visible in commit order":     testWindowsBecomeVisibleInCommitOrder,
	} {
		t.Run(name, func(t *testing.T) { test(t, newPlace) })
	}
}

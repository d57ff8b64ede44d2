package ssm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMessagesByCount(t *testing.T) {
	for records, want := range map[int][]int{0: nil, 1: {1}, 3: {3}, 4: {3, 1}, 6: {3, 3}, 7: {3, 3, 1}} {
		var given []string
		for i := range records {
			given = append(given, fmt.Sprintf("Key: %d", i))
		}
		var got []int
		var back []string
		for _, message := range buildMessages(version04, given, 3) {
			inMessage := splitMessage(t, string(message))
			got, back = append(got, len(inMessage)), append(back, inMessage...)
		}
		if !slices.Equal(got, want) || !slices.Equal(back, given) {
			t.Errorf("%d records: got messages of %v records, containing %v", records, got, back)
		}
	}
}

func TestMessagesByBytes(t *testing.T) {
	var given []string
	for i := range 300 {
		given = append(given, fmt.Sprintf("Key: %04d%s", i, strings.Repeat("x", 7000)))
	}
	var back []string
	messages := buildMessages(version04, given, 1000)
	for _, message := range messages {
		if len(message) > 700_000 {
			t.Errorf("a message has %d bytes", len(message))
		}
		back = append(back, splitMessage(t, string(message))...)
	}
	// 99 records of 7009 bytes and their separators are 694 kB.
	if len(messages) != 4 || !slices.Equal(back, given) {
		t.Errorf("got %d messages of %d records", len(messages), len(back))
	}
}

// A message may have exactly maxMessageBytes bytes.
func TestLargestMessage(t *testing.T) {
	const header = len("APEL-cloud-message: v0.4\n")
	fits := maxMessageBytes - header - len("Key: 1\n%%\n") - len("\n")
	for extra, want := range map[int]int{0: 1, 1: 2} {
		messages := buildMessages(version04, []string{"Key: 1", strings.Repeat("x", fits+extra)}, 100)
		if len(messages) != want {
			t.Errorf("with %d bytes more: %d messages, want %d", extra, len(messages), want)
		}
		if extra == 0 && len(messages[0]) != maxMessageBytes {
			t.Errorf("the message has %d bytes", len(messages[0]))
		}
	}
}

// splitMessage splits a message as APEL's RecordFactory does.
func splitMessage(t *testing.T, message string) []string {
	t.Helper()
	header, rest, _ := strings.Cut(message, "\n")
	if header != "APEL-cloud-message: v0.4" || !strings.HasSuffix(rest, "\n") || strings.HasSuffix(rest, "\n\n") {
		t.Errorf("header %q, end %q", header, message[len(message)-3:])
	}
	var records []string
	for record := range strings.SplitSeq(rest, "%%") {
		records = append(records, strings.TrimSpace(record))
	}
	return records
}

package ssm

import "strings"

// maxMessageBytes keeps a message, once SSM has signed and encoded it, below the 1 MB at which the
// message service refuses it. One record is never that large: it is some 30 short lines.
const maxMessageBytes = 700_000

// pack makes messages of records, in their order: a header, the records with a line `%%` between them, a final
// line end. No records make no message: APEL's loader refuses an empty one.
func pack(version string, records []string, maxRecords int) [][]byte {
	header := "APEL-cloud-message: v" + version
	var (
		messages [][]byte
		message  strings.Builder
		count    int
	)
	flush := func() {
		if count > 0 {
			message.WriteString("\n")
			messages = append(messages, []byte(message.String()))
		}
		message.Reset()
		count = 0
	}
	for _, record := range records {
		const between = "\n" + separator + "\n"
		if count == maxRecords || message.Len()+len(between)+len(record)+len("\n") > maxMessageBytes {
			flush()
		}
		if count == 0 {
			message.WriteString(header + "\n")
		} else {
			message.WriteString(between)
		}
		message.WriteString(record)
		count++
	}
	flush()
	return messages
}

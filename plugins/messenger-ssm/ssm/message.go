package ssm

import "strings"

// maxMessageBytes keeps a message that SSM has signed and encoded below the 1 MB limit of the ARGO
// Messaging Service. One record is some 30 short lines and so never reaches it.
const maxMessageBytes = 700_000

// buildMessages returns the messages with these records, in their order: a header, the records
// separated by a line `%%`, a final newline. Without records it returns no message, since APEL's
// loader rejects an empty one.
func buildMessages(version string, records []string, maxRecords int) [][]byte {
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
		const recordSeparator = "\n" + separator + "\n"
		if count == maxRecords || message.Len()+len(recordSeparator)+len(record)+len("\n") > maxMessageBytes {
			flush()
		}
		if count == 0 {
			message.WriteString(header + "\n")
		} else {
			message.WriteString(recordSeparator)
		}
		message.WriteString(record)
		count++
	}
	flush()
	return messages
}

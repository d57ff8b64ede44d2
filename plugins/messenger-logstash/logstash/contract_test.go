package logstash

import (
	"strconv"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func TestContract(t *testing.T) {
	// The capacity exceeds the number of batches that the suite sends.
	got := make(chan string, 1000)
	port := listen(t, readAll(got))
	documents := map[string]bool{}
	plugintest.Conform(t, plugintest.Messenger(t, New()), plugintest.Settings{
		Options: map[string]string{"logstash.host": "127.0.0.1", "logstash.port": strconv.FormatInt(port, 10)},
		Arrived: func(record *pluginv1.Record) bool {
			line, err := documentLine(record)
			if err != nil {
				return false
			}
			// A delivered batch has been read, but may not have come through the channel yet.
			for !documents[string(line)] {
				select {
				case batch := <-got:
					for sent := range strings.Lines(batch) {
						documents[sent] = true
					}
				case <-time.After(10 * time.Second):
					return false
				}
			}
			return true
		},
	})
}

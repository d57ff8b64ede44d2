package noop

import (
	"testing"

	"github.com/caso-project/caso/sdk/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Conform(t, plugintest.Messenger(t, New()), plugintest.Settings{})
}

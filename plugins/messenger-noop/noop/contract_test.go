package noop

import (
	sdk "github.com/caso-project/caso/internal/oldsdk"
	"testing"

	"github.com/caso-project/caso/sdk/plugintest"
)

func TestContract(t *testing.T) {
	plugintest.Conform(t, plugintest.Messenger(t, sdk.NewMessenger(New())), plugintest.Settings{})
}

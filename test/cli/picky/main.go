// caso-messenger-picky is a messenger as a site would ship its own: it refuses what its option tells it to,
// and drops the rest.
package main

import (
	"context"
	"errors"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() { sdk.ServeMessenger(&picky{}) }

type picky struct{ refuse string }

func (p *picky) Describe() sdk.Description {
	return sdk.Description{
		Name: "picky", Version: "1.0",
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options: []*pluginv1.Option{{
			Section: "picky", Name: "refuse", Type: pluginv1.OptionType_OPTION_TYPE_STRING,
			Choices: []string{"batch", "record"}, Help: "What is refused: every batch, or the first record of every batch.",
		}},
	}
}

func (p *picky) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	p.refuse = config.String("picky", "refuse")
	return nil
}

func (p *picky) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	switch p.refuse {
	case "batch":
		return sdk.Rejected(errors.New("the site's database wants no such batch"))
	case "record":
		return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: batch.GetRecords()[0].GetId(), Reason: "the site's database wants no such record"})
	}
	return nil
}

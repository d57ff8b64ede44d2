// caso-messenger-picky is a site's own messenger: its options determine what it rejects. It
// discards the rest.
package main

import (
	"context"
	"errors"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func main() { sdk.ServeMessenger(&picky{}) }

type picky struct{ reject, check string }

func (p *picky) Describe() sdk.Description {
	return sdk.Description{
		Name: "picky", Version: "1.0",
		RecordTypes: sdk.Accepts(sdk.Cloud),
		Options: []sdk.Option{
			sdk.StringOption("picky", "reject", "What is rejected: every batch, or the first record of every batch.").
				Choices("batch", "record"),
			sdk.StringOption("picky", "check", "The result of Check.").Choices("ok", "warning", "error", "crash"),
		},
	}
}

func (p *picky) Configure(_ context.Context, config sdk.Config) error {
	p.reject, p.check = config.String("picky", "reject"), config.String("picky", "check")
	return nil
}

func (p *picky) Check(context.Context) error {
	switch p.check {
	case "warning":
		return sdk.Warnf("the database is nearly full").WithDetail("Add a disk.")
	case "error":
		return errors.New("the database refuses connections")
	case "crash":
		panic("no database")
	}
	return sdk.Infof("the database accepts connections")
}

func (p *picky) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	switch p.reject {
	case "batch":
		return sdk.Rejected(errors.New("the site's database wants no such batch"))
	case "record":
		return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: batch.GetRecords()[0].GetId(), Reason: "the site's database wants no such record"})
	}
	return nil
}

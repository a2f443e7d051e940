package control

import (
	"context"

	"clinicgate/gateway/upgrade"
)

// Upgrades is what the keeper of an upgrade asks of the running service, of the old
// program and of the new one; so it changes only with version 1 of the channel.
type Upgrades interface {
	// Look commits, reads back and asks the page before it answers.
	Look(context.Context, Caller) (upgrade.Sight, error)
	// Record puts what happened into the audit log, once however often it is told.
	Record(context.Context, Caller, upgrade.Event) (None, error)
}

// UpgradeLook says whether the service does its work.
func (c *Client) UpgradeLook(ctx context.Context) (upgrade.Sight, error) {
	return call[upgrade.Sight](ctx, c, "upgrade/look", nil)
}

// UpgradeRecord puts what happened into the audit log.
func (c *Client) UpgradeRecord(ctx context.Context, e upgrade.Event) error {
	_, err := call[None](ctx, c, "upgrade/record", e)
	return err
}

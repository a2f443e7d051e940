package service

import (
	"context"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/upgrade"
)

// KeeperName is the service that carries out an upgrade of the other one: the old
// program, for as long as an upgrade goes on. It is there after a reboot too.
const KeeperName = "clinicgate-upgrade"

// Handle is the service as the keeper needs it. Its Ends counts from its Start.
type Handle struct{ before int }

// upgrades lists what upgrades left on the disk.
func upgrades(s Setup) []string {
	dir := config.Default().Upgrade.Dir
	if s.Config != nil {
		dir = s.Config.Upgrade.Dir
	}
	return append(upgrade.Leavings(s.Binary), dir)
}

// Ends is how often the service ended by itself since Start; always 0 on Windows,
// whose manager does not tell.
func (h *Handle) Ends(ctx context.Context) (int, error) {
	s, err := Query(ctx)
	if err != nil {
		return 0, err
	}
	h.before = min(h.before, s.Restarts) // systemd counts anew from a start, which may come after Start's answer
	return s.Restarts - h.before, nil
}

// Stop ends the service's process, the hard way where it has not ended within grace.
// Another program comes after it, which must not be sent to the desk for its exits.
func (h *Handle) Stop(ctx context.Context, grace time.Duration) error {
	err := halt(ctx, grace)
	if err == nil {
		_ = forget(stateDir()) // at worst the next one is at the desk for a minute, and then tries
	}
	return err
}

// Start starts the service and does not wait.
func (h *Handle) Start(ctx context.Context) error {
	if err := launch(ctx); err != nil {
		return err
	}
	h.before = 0
	if s, err := Query(ctx); err == nil {
		h.before = s.Restarts
	}
	return nil
}

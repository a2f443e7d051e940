package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/metrics"
	"clinicgate/gateway/service"
	"clinicgate/gateway/upgrade"
	"clinicgate/gateway/upgrade/signature"
	"clinicgate/storage"
)

// releaseKey is the public half of the key that releases are signed with. The linker
// sets it when packages are made with a key, and nothing else does.
var releaseKey string

type upgradeFlags struct {
	now, check, downgrade bool
	at                    string
}

func (a *app) upgradeCommand() *cobra.Command {
	var f upgradeFlags
	c := &cobra.Command{
		Use:   "upgrade FILE",
		Short: "Put another version in, and take it back by itself where it does not serve",
		Long: `Takes a release (.tar.gz or .zip, with its .minisig beside it) and verifies that it
was signed by a known key, for this machine, is newer, was not taken back before, and
writes a store that this version can read. Then it waits for the maintenance window
(upgrade.window) and until nobody is at the page, keeps the old program beside the new
one (clinicgate.old), and restarts the service.

The new version has 45 seconds to prove that it commits, shows the page and sees the
devices that were there before. Otherwise the old one is put back, and that version
is refused from then on. The service clinicgate-upgrade sees to that; it is there for
as long as an upgrade goes on, also after a reboot.

A package (deb, rpm) is upgraded by its own manager.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return errors.New("name the release's file")
		},
		RunE: func(c *cobra.Command, args []string) error {
			if f.now && f.at != "" {
				return &mistake{err: errors.New("--now and --at are two times"), hint: "give one of them; without, upgrade.window is waited for"}
			}
			return a.upgrade(c.Context(), args[0], f)
		},
	}
	c.Flags().BoolVar(&f.now, "now", false, "do not wait for the window, only for an idle page, and follow it to its end")
	c.Flags().StringVar(&f.at, "at", "", "not before this time, and then without a window: 03:30 by the clinic's clock, or RFC 3339")
	c.Flags().BoolVar(&f.check, "check", false, "only say whether it would be taken")
	c.Flags().BoolVar(&f.downgrade, "allow-downgrade", false, "take an older version too")
	c.AddCommand(a.upgradeStatus(), a.upgradeCancel(), a.upgradeKeep())
	return c
}

// trust is what releases are taken by.
func trust(c config.Config, downgrade bool) (upgrade.Trust, error) {
	t := upgrade.Trust{Target: runtime.GOOS + "/" + runtime.GOARCH, Store: storage.FormatVersion, Version: buildInfo().Version, Downgrade: downgrade}
	lines := c.Upgrade.Keys
	if releaseKey != "" {
		lines = append([]string{releaseKey}, lines...)
	}
	for _, line := range lines {
		k, err := signature.ParsePublic(line)
		if err != nil {
			return t, err
		}
		t.Keys = append(t.Keys, k)
	}
	return t, nil
}

func (a *app) upgrade(ctx context.Context, file string, f upgradeFlags) error {
	settings, err := a.load()
	if err != nil {
		return err
	}
	t, err := trust(settings, f.downgrade)
	if err != nil {
		return err
	}
	dir := settings.Upgrade.Dir
	if f.check {
		return a.upgradeCheck(dir, file, t)
	}
	o := upgrade.Order{Trust: t, By: control.ThisAccount().ID, Free: metrics.Free}
	if o.File, err = filepath.Abs(file); err != nil {
		return err
	}
	now := time.Now()
	switch {
	case f.at != "":
		if o.NotBefore, err = upgradeTime(f.at, now, settings.Kiosk.Location()); err != nil {
			return err
		}
	case !f.now:
		w := settings.Upgrade.Window
		o.Window = &upgrade.Window{From: w.From.Duration, To: w.To.Duration, Zone: settings.Kiosk.Zone}
	}
	if o.Program, err = os.Executable(); err == nil {
		o.Program, err = filepath.EvalSymlinks(o.Program)
	}
	if err != nil {
		return fmt.Errorf("cannot find this program's file: %w", err)
	}
	if err := notPackaged(o.Program); err != nil {
		return err
	}
	installed, err := service.MayUpgrade(ctx)
	if err != nil {
		return serviceFailed(err)
	}
	if err := notPackaged(installed.Program); err != nil {
		return err
	}
	if o.Program, err = installed.Upgrades(o.Program); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of upgrades: %w", err)
	}
	plan, err := o.Plan(dir, now)
	if err != nil {
		if plan.ID != "" {
			a.tellRefused(ctx, plan)
		}
		return err
	}
	config, err := filepath.Abs(a.configPath)
	if err != nil {
		return err
	}
	if err := service.InstallKeeper(ctx, upgrade.Old(o.Program), "upgrade", "keep", "--service", "--config", config); err != nil {
		_, undo := upgrade.Cancel(dir, now)
		return errors.Join(serviceFailed(err), undo, service.RemoveKeeper(ctx))
	}
	if !f.now {
		return a.showUpgrade(plan)
	}
	return a.followUpgrade(ctx, dir, plan)
}

// notPackaged refuses a program that a package brought.
func notPackaged(program string) error {
	if !service.Packaged(program) {
		return nil
	}
	return &mistake{err: errors.New("this clinicgate came with a package"), hint: "upgrade the package: `apt install ./clinicgate_VERSION_ARCH.deb` or `dnf upgrade ./clinicgate-VERSION.rpm`"}
}

func (a *app) upgradeCheck(dir, file string, t upgrade.Trust) error {
	r, err := t.Verify(file)
	if err != nil {
		return &found{what: err.Error(), hint: hintOf(err, "")}
	}
	s, err := upgrade.Load(dir)
	if err == nil {
		err = s.Never(upgrade.Build{Version: r.Version})
	}
	if err != nil {
		return &found{what: err.Error(), hint: hintOf(err, "")}
	}
	return a.show(map[string]any{"version": r.Version, "target": r.Target, "store": r.Store, "installed": t.Version}, func(tab *table) {
		tab.line("clinicgate %s for %s would be taken in the place of %s", r.Version, r.Target, t.Version)
	})
}

// upgradeTime reads "03:30", the next one, or an instant.
func upgradeTime(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	wall, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, &mistake{err: fmt.Errorf("%q is no time", text), hint: "write 03:30, by the clinic's clock, or 2026-11-23T03:30:00+01:00"}
	}
	local := now.In(zone)
	at := time.Date(local.Year(), local.Month(), local.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	if at.Before(now) {
		at = time.Date(local.Year(), local.Month(), local.Day()+1, wall.Hour(), wall.Minute(), 0, 0, zone)
	}
	return at, nil
}

// tellRefused puts a refusal into the audit log, where the service runs.
func (a *app) tellRefused(ctx context.Context, plan upgrade.State) {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		err = client.UpgradeRecord(ctx, plan.RefusedEvent())
	}
	if err != nil {
		fmt.Fprintln(a.err, "note: the audit log was not told:", err)
	}
}

// followUpgrade shows how an upgrade goes until it has ended. The keeper goes on
// without it.
func (a *app) followUpgrade(ctx context.Context, dir string, plan upgrade.State) error {
	said := upgrade.Stage("-")
	for {
		s, err := upgrade.Load(dir)
		if err != nil {
			return err
		}
		if s.ID != plan.ID {
			if err := a.showUpgrade(s); err != nil {
				return err
			}
			if s.Last != nil && s.Last.Result != upgrade.Confirmed {
				return &found{what: fmt.Sprintf("clinicgate %s is not installed: %s", s.Last.To.Version, s.Last.Reason), hint: "`journalctl -u clinicgate -u clinicgate-upgrade` or the Event Log says more"}
			}
			return nil
		}
		if s.Stage != said {
			said = s.Stage
			fmt.Fprintln(a.err, "note:", stageWords(s))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func stageWords(s upgrade.State) string {
	switch s.Stage {
	case upgrade.Planned:
		return "waiting until nobody is at the page"
	case upgrade.Swapping:
		return "taking clinicgate " + s.From.Version + " out"
	case upgrade.Trial:
		return "clinicgate " + s.To.Version + " has to prove itself"
	}
	return "putting clinicgate " + s.From.Version + " back: " + s.Reason
}

func (a *app) upgradeStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "How an upgrade goes, how the last one went, and what is refused",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			s, err := upgrade.Load(settings.Upgrade.Dir)
			if err != nil {
				return err
			}
			return a.showUpgrade(s)
		},
	}
}

func (a *app) showUpgrade(s upgrade.State) error {
	return a.show(s, func(t *table) {
		switch {
		case s.Stage == upgrade.None:
			t.row("upgrade", "none goes on")
		case s.Stage == upgrade.Planned && s.Window != nil:
			t.row("upgrade", fmt.Sprintf("to clinicgate %s, in the window %s, when nobody is at the page", s.To.Version, s.Window))
		case s.Stage == upgrade.Planned:
			t.row("upgrade", fmt.Sprintf("to clinicgate %s, when nobody is at the page", s.To.Version))
			if !s.NotBefore.IsZero() {
				t.row("", "not before "+date(s.NotBefore))
			}
		default:
			t.row("upgrade", stageWords(s))
		}
		if l := s.Last; l != nil {
			t.row("last", fmt.Sprintf("clinicgate %s: %s, %s, ordered by %s", l.To.Version, l.Result, date(l.At), l.By))
			if l.Reason != "" {
				t.row("", "because "+l.Reason)
			}
			if l.Away > 0 {
				t.row("", fmt.Sprintf("patients were without the page for %.1f s", l.Away.Seconds()))
			}
		}
		for _, r := range s.Refused {
			t.row("refused", fmt.Sprintf("clinicgate %s since %s: %s", r.Version, date(r.At), r.Reason))
		}
	})
}

func (a *app) upgradeCancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel",
		Short: "End an upgrade that waits",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			s, err := upgrade.Load(settings.Upgrade.Dir)
			if err != nil {
				return err
			}
			if s.Stage == upgrade.Planned {
				if err := service.StopKeeper(c.Context()); err != nil {
					return serviceFailed(err)
				}
			}
			done, err := upgrade.Cancel(settings.Upgrade.Dir, time.Now())
			if err != nil {
				if s.Stage == upgrade.Planned { // it went on before it was stopped, and is to end well
					err = errors.Join(err, service.ResumeKeeper(c.Context()))
				}
				return err
			}
			if err := service.RemoveKeeper(c.Context()); err != nil {
				return serviceFailed(err)
			}
			return a.showUpgrade(done)
		},
	}
}

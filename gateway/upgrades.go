package gateway

import (
	"context"
	"errors"
	"os"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/control"
	"clinicgate/gateway/upgrade"
	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

const upgradeCursor = "upgrade" // committed and read back for the keeper of an upgrade

const upgradeStore = 3 * time.Second // for a commit that is read back

var errLost = errors.New("what was committed is not read back")

type upgradeBackend struct{ *Gateway }

// Look answers what the keeper of an upgrade judges a program by.
func (g upgradeBackend) Look(ctx context.Context, _ control.Caller) (upgrade.Sight, error) {
	s := upgrade.Sight{PID: os.Getpid(), Version: g.o.Version, Idle: g.web.Idle(), Address: g.web.Addr(), Devices: []string{}}
	for _, d := range g.devices.Status() {
		if d.State == devices.Attached {
			s.Devices = append(s.Devices, string(d.ID))
		}
	}
	if err := g.commits(ctx); err != nil {
		g.log.Error("the store does not commit and read back", "error", err)
	} else {
		s.Store = true
	}
	if err := PageAnswers(ctx, g.web.Addr()); err != nil {
		g.log.Error("the page does not answer", "error", err)
	} else {
		s.Page = true
	}
	return s, nil
}

// onTrial reports whether the program before may come back, by the journal of
// upgrades: what a change of the store's format replaces is kept until then. Where the
// journal cannot be read, it may.
func onTrial(dir string) bool {
	s, err := upgrade.Load(dir)
	return err != nil || s.Underway()
}

// commits changes a number in the store and reads it back.
func (g *Gateway) commits(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upgradeStore)
	defer cancel()
	var want, read uint64
	err := g.store.Update(ctx, func(tx *storage.Tx) (err error) {
		if want, err = tx.Cursor(upgradeCursor); err != nil {
			return err
		}
		want++
		return tx.SetCursor(upgradeCursor, want)
	})
	if err != nil {
		return err
	}
	err = g.store.View(ctx, func(r *storage.Reader) (err error) {
		read, err = r.Cursor(upgradeCursor)
		return err
	})
	if err == nil && read < want {
		err = errLost
	}
	return err
}

// Record puts into the audit log what the keeper did, or what was refused.
func (g upgradeBackend) Record(ctx context.Context, by control.Caller, e upgrade.Event) (control.None, error) {
	kind, known := map[upgrade.EventType]kiosk.AuditType{
		upgrade.Started: kiosk.UpgradeStarted, upgrade.Approved: kiosk.UpgradeConfirmed,
		upgrade.Returned: kiosk.UpgradeRolledBack, upgrade.Refused: kiosk.UpgradeRefused,
	}[e.Type]
	if !known || e.ID == "" || len(e.ID) > 100 {
		return control.None{}, &control.Error{Code: control.Invalid, Message: "no such event of an upgrade"}
	}
	actor := by.Actor
	if e.By != "" {
		actor.ID = e.By // who ordered it; the keeper only carries it out
	}
	to := e.To
	if to == "" {
		to = "what no known key signed"
	}
	action := "upgrade from " + e.From + " to " + to
	if e.Reason != "" {
		action += ": " + e.Reason
	}
	facts := kiosk.AuditFacts{Action: action, Resource: e.Program}
	switch e.Type {
	case upgrade.Refused:
		facts.Outcome = kiosk.OutcomeRefused
	case upgrade.Returned:
		facts.Outcome = kiosk.OutcomeFailure
	}
	act := kiosk.Act{ID: kiosk.DeriveID(uuid.NewSHA1(gapNamespace, []byte(e.ID)), "upgrade", string(g.self)), Actor: actor}
	return control.None{}, g.audit(ctx, act, kind, facts)
}

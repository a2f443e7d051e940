package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
)

// accessBackend records who used the local channel, and who was refused.
type accessBackend struct{ *Gateway }

// Record writes one access.
func (g accessBackend) Record(ctx context.Context, a control.Access) error {
	kind, outcome := kiosk.TechnicianAccess, kiosk.OutcomeSuccess
	if a.Refused {
		kind, outcome = kiosk.AccessRefused, kiosk.OutcomeRefused
	}
	return g.audit(ctx, kiosk.NewAct(a.By.Actor), kind, kiosk.AuditFacts{Action: a.Endpoint, Outcome: outcome, Resource: string(g.self)})
}

// The view in which the settings' fingerprints are kept.
const (
	settingsView = "settings"
	settingsKey  = "fingerprints"
)

// sayChanges records which sections of the config are not what they were at the
// last start. A store's first start has nothing to compare with.
func (g *Gateway) sayChanges(ctx context.Context) error {
	now, err := g.cfg.Fingerprints()
	if err != nil {
		return err
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"})
	return g.store.Update(ctx, func(tx *storage.Tx) error {
		old, err := tx.Get(settingsView, []byte(settingsKey))
		if err != nil {
			return err
		}
		was := map[string]string{}
		if old != nil && json.Unmarshal(old, &was) != nil {
			return errors.New("stored fingerprints of the settings are malformed")
		}
		var changed []string
		for name, print := range now {
			if was[name] != print {
				changed = append(changed, name)
			}
		}
		for name := range maps.Keys(was) {
			if _, still := now[name]; !still {
				changed = append(changed, name) // another version knew it
			}
		}
		if len(changed) == 0 {
			return nil
		}
		if err := tx.Put(settingsView, []byte(settingsKey), data); err != nil || old == nil {
			return err
		}
		slices.Sort(changed)
		return g.journal.Audit(tx, act, kiosk.ConfigChanged, kiosk.AuditFacts{Action: "changed " + strings.Join(changed, " "), Resource: string(g.self)})
	})
}

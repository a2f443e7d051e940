package gateway

import (
	"context"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Validate judges the technical safeguards.
func (g doctorBackend) Validate(ctx context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Validation, error) {
	return g.validate(ctx, progress)
}

func (g *Gateway) validate(ctx context.Context, progress func(control.Progress)) (control.Validation, error) {
	p, err := g.posture(ctx, progress)
	if err != nil {
		return control.Validation{}, err
	}
	out := control.Validation{Kiosk: string(g.self), Now: p.Now, Safeguards: doctor.Safeguards(p)}
	out.OK = !slices.ContainsFunc(out.Safeguards, func(s doctor.Safeguard) bool { return s.Met == doctor.NotMet })
	return out, nil
}

// posture is what the safeguards are judged by.
func (g *Gateway) posture(ctx context.Context, progress func(control.Progress)) (doctor.Posture, error) {
	audit, err := g.store.VerifyAudit(ctx, inUnits("records", progress))
	if err != nil {
		return doctor.Posture{}, err
	}
	c, st := g.cfg, g.store.Status()
	p := doctor.Posture{Now: g.clock.Now().Wall, CipherKey: g.keys.first(keyring.PubNubCipher) != nil, Verifies: audit.OK(),
		Accounts: len(c.Control.Roles.Admin) + len(c.Control.Roles.Desk) + len(c.Control.Roles.Technician), Rescuers: len(c.Control.Roles.Desk) + len(c.Control.Roles.Technician),
		Desk: c.Desk.Listen != "", Idle: c.Desk.Idle.Duration, Staff: len(c.Staff),
		Records: st.AuditSize, Checkpoint: st.CheckpointAt, Damaged: st.Damaged, Backup: g.backupState(),
		Token: c.PubNub.TokenFile != "", SignedOnly: c.Sync.Unsigned == config.UnsignedOff, Encrypted: c.PubNub.Secure, KeptDays: int(keptAudit() / (24 * time.Hour))}
	p.Source, p.Strength = g.ring.Source()
	_, p.Recovery = g.ring.Recovery()
	if broker := c.MQTT.Broker; broker != "" && !strings.HasPrefix(broker, "tls://") && !strings.HasPrefix(broker, "ssl://") && !strings.HasPrefix(broker, "wss://") {
		p.Cleartext = append(p.Cleartext, "mqtt.broker")
	}
	if c.Board.Listen != "" {
		p.Cleartext = append(p.Cleartext, "board.listen (numbers and rooms only)")
	}
	return p, nil
}

// keptAudit is how long audit events stay here.
func keptAudit() time.Duration {
	for _, k := range kiosk.Kinds() {
		if k.Lane == storage.LaneAudit {
			return k.Retain.Age
		}
	}
	return 0
}

// Validate judges the safeguards as they were when the service stopped.
func (c *Copy) Validate(ctx context.Context, progress func(control.Progress)) (control.Validation, error) {
	return c.g.validate(ctx, progress)
}

// Retain applies retention now.
func (g storeBackend) Retain(ctx context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Retained, error) {
	if !g.clock.Now().Synced {
		return control.Retained{}, &control.Error{Code: control.Unavailable, Message: "the time is not trusted, and a clock that jumps must not cost a record", Next: "the time comes from PubNub; `clinicgate doctor` looks why it does not answer"}
	}
	out := control.Retained{Before: g.store.Status().Used}
	err := g.store.Retain(ctx, inUnits("streams", progress))
	out.After = g.store.Status().Used
	return out, err
}

// tokenBackend is the access token's file.
type tokenBackend struct{ *Gateway }

// Read reads the file now.
func (g tokenBackend) Read(ctx context.Context, by control.Caller, _ control.None) (control.Token, error) {
	g.token.Look()
	t := g.token.Status()
	outcome := kiosk.OutcomeSuccess
	if t.Problem != nil || !t.Held {
		outcome = kiosk.OutcomeFailure
	}
	if err := g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.TokenGranted, kiosk.AuditFacts{Action: "set token", Outcome: outcome, Resource: string(g.self)}); err != nil {
		return control.Token{}, err
	}
	g.uplink.TokenRefreshed()
	return g.syncSummary().Token, nil
}

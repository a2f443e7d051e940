package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/gateway/downlink"
	"clinicgate/kiosk"
	"clinicgate/storage"
)

// The store's views of commands that came through PubNub: nonces that were used,
// until their commands have expired, and commands that are yet to be done.
const (
	nonceView   = "command-nonce" // key: nonce; value: when it may be forgotten, a blank, and the nonce
	pendingView = "command-due"   // key: the command's id
)

const (
	// commandLife is the longest time that a command may be valid: so long its
	// nonce is kept.
	commandLife = 15 * time.Minute
	maxPending  = 16
)

var nonceForm = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// deviceCommand is the args of the command "device".
type deviceCommand struct {
	Device string            `json:"device"`
	Verb   string            `json:"verb"`
	Args   map[string]string `json:"args,omitempty"`
}

// dueCommand is a command that was taken.
type dueCommand struct {
	ID      string        `json:"id"`
	Expires time.Time     `json:"expires"`
	Do      deviceCommand `json:"do"`
}

// commanded takes a command that the clinic's server signed, or refuses it, in the
// transaction that stores it. It is done after that is durable: at most once.
func (g *Gateway) commanded(tx *storage.Tx, b downlink.Believed, c *kiosk.Command) error {
	act := kiosk.Act{ID: b.ID, Actor: kiosk.Actor{Kind: kiosk.ActorAuthority, ID: b.Origin.Kiosk}}
	do, refused, err := g.judgeCommand(tx, b, c)
	if err != nil {
		return err
	}
	if refused != "" {
		g.log.Warn("command was refused", "reason", refused)
		return g.journal.Audit(tx, act, kiosk.CommandRefused, kiosk.AuditFacts{Action: refused, Outcome: kiosk.OutcomeRefused, Resource: b.ID.String()})
	}
	data, err := json.Marshal(dueCommand{ID: b.ID.String(), Expires: c.Expires.Time, Do: do})
	if err != nil {
		return fmt.Errorf("cannot encode a command: %w", err)
	}
	if err := tx.Put(pendingView, []byte(b.ID.String()), data); err != nil {
		return err
	}
	if err := tx.Put(nonceView, []byte(c.Nonce), []byte(c.Expires.UTC().Format(time.RFC3339)+" "+c.Nonce)); err != nil {
		return err
	}
	select {
	case g.commandsDue <- struct{}{}: // who looks waits for this transaction's end
	default:
	}
	return nil
}

// judgeCommand gives why a command is refused, in fixed words.
func (g *Gateway) judgeCommand(tx *storage.Tx, b downlink.Believed, c *kiosk.Command) (do deviceCommand, refused string, err error) {
	now := g.trustedTime()
	switch {
	case b.Origin.Kiosk != downlink.Authority:
		return do, "not of the clinic's server", nil
	case now.IsZero():
		return do, "no trusted time", nil
	case !now.Before(c.Expires.Time):
		return do, "expired", nil
	case c.Expires.Sub(now) > commandLife:
		return do, "valid for too long", nil
	case !nonceForm.MatchString(c.Nonce):
		return do, "nonce is not of its form", nil
	case c.Name != "device":
		return do, "unknown command", nil
	}
	used, pending := false, 0
	var old []string
	if err := tx.Walk(nonceView, nil, func(_, value []byte) error {
		until, nonce, _ := strings.Cut(string(value), " ")
		if t, bad := time.Parse(time.RFC3339, until); bad != nil || now.After(t.Add(time.Minute)) {
			old = append(old, nonce)
		} else if nonce == c.Nonce {
			used = true
		}
		return nil
	}); err != nil {
		return do, "", err
	}
	for _, nonce := range old {
		if err := tx.Delete(nonceView, []byte(nonce)); err != nil {
			return do, "", err
		}
	}
	if err := tx.Walk(pendingView, nil, func(_, _ []byte) error { pending++; return nil }); err != nil {
		return do, "", err
	}
	d := json.NewDecoder(bytes.NewReader(c.Args))
	d.DisallowUnknownFields()
	switch {
	case used:
		return do, "nonce was used", nil
	case pending >= maxPending:
		return do, "too many commands", nil
	case d.Decode(&do) != nil:
		return do, "arguments are not of their form", nil
	}
	row, ok := g.units.named(do.Device)
	switch {
	case !ok || !slices.Contains(row.Remote, do.Verb):
		return do, "not listed in the config", nil
	case mqtt.Allowed(row.Class, do.Verb, do.Args) != nil:
		return do, "arguments are not of their form", nil
	}
	return do, "", nil
}

// runCommands does what was taken, one after the other.
func (g *Gateway) runCommands(ctx context.Context) error {
	for {
		var due []dueCommand
		err := g.store.Update(ctx, func(tx *storage.Tx) error {
			due = nil
			var keys [][]byte
			if err := tx.Walk(pendingView, nil, func(_, value []byte) error {
				var c dueCommand
				if json.Unmarshal(value, &c) == nil {
					due = append(due, c)
					keys = append(keys, []byte(c.ID))
				}
				return nil
			}); err != nil {
				return err
			}
			for _, k := range keys {
				if err := tx.Delete(pendingView, k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && ctx.Err() == nil {
			g.log.Error("commands were not taken up", "error", err)
		}
		if err == nil {
			for _, c := range due {
				g.doCommand(ctx, c)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-g.commandsDue:
		}
	}
}

func (g *Gateway) doCommand(ctx context.Context, c dueCommand) {
	facts := kiosk.AuditFacts{Action: c.Do.Verb, Resource: c.Do.Device}
	err := errors.New("expired")
	if now := g.trustedTime(); !now.IsZero() && now.Before(c.Expires) {
		err = g.devices.Do(ctx, devices.ID(c.Do.Device), devices.Command{ID: c.ID, Verb: c.Do.Verb, Args: c.Do.Args})
	}
	if err != nil {
		facts.Outcome = kiosk.OutcomeFailure
		g.log.Warn("command was not done", "device", c.Do.Device, "error", err)
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	if err := g.audit(bounded, kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorAuthority, ID: downlink.Authority}), kiosk.CommandDone, facts); err != nil {
		g.log.Error("command was not recorded", "device", c.Do.Device, "error", err)
	}
}

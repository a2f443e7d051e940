package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/gateway/downlink"
	"clinicgate/kiosk"
	"clinicgate/storage"
)

// The store's views of commands that came through PubNub: nonces that were used,
// until their commands have expired, commands that are yet to be done, and those
// that were begun and are not on record yet.
const (
	nonceView   = "command-nonce" // key: nonce; value: when it may be forgotten, a blank, and the nonce
	pendingView = "command-due"   // key: the command's id
	begunView   = "command-begun" // key: the command's id
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

// commandsAgain is how soon a store that did not give the commands is asked again.
const commandsAgain = 5 * time.Second

// runCommands does what was taken: of each device one after the other, and none
// waits for one of another device, which may stand still until it expires.
func (g *Gateway) runCommands(ctx context.Context) error {
	type end struct {
		device string
		err    error
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	busy, ended := map[string]string{}, make(chan end) // device and the id of its command
	for failed := false; ; {
		due, err := g.takeCommands(ctx, busy)
		var again <-chan time.Time
		if err != nil {
			again = time.After(commandsAgain)
			if !failed && ctx.Err() == nil {
				g.log.Error("commands were not taken up; this is tried again", "error", err)
			}
		}
		failed = err != nil
		for _, c := range due {
			wg.Go(func() {
				err := g.contained(ctx, part{"commands", func(ctx context.Context) error { g.doCommand(ctx, c); return nil }})
				select {
				case ended <- end{c.Do.Device, err}:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case e := <-ended:
			if e.err != nil {
				return e.err
			}
			delete(busy, e.device)
		case <-g.commandsDue:
		case <-again:
		}
	}
}

// takeCommands takes the oldest command of each device that is not busy, which then
// is. One that was begun and that no device is busy with was cut off, by a power cut or
// a store that failed: nobody knows whether it was done, and it is on record as that.
func (g *Gateway) takeCommands(ctx context.Context, busy map[string]string) ([]dueCommand, error) {
	// What the store works on is its own: it may still do so after ctx has ended.
	var due, cut []dueCommand
	before := maps.Clone(busy)
	err := g.store.Update(ctx, func(tx *storage.Tx) error {
		due, cut = nil, nil
		if err := tx.Walk(begunView, nil, func(_, value []byte) error {
			var c dueCommand
			if json.Unmarshal(value, &c) == nil && before[c.Do.Device] != c.ID {
				cut = append(cut, c)
			}
			return nil
		}); err != nil {
			return err
		}
		for _, c := range cut {
			if err := g.recordCommand(tx, c, kiosk.AuditFacts{Action: c.Do.Verb + " cut off", Outcome: kiosk.OutcomeFailure}); err != nil {
				return err
			}
		}
		if err := tx.Walk(pendingView, nil, func(_, value []byte) error {
			var c dueCommand
			if json.Unmarshal(value, &c) != nil || before[c.Do.Device] != "" {
				return nil
			}
			i := slices.IndexFunc(due, func(d dueCommand) bool { return d.Do.Device == c.Do.Device })
			switch {
			case i < 0:
				due = append(due, c)
			case c.ID < due[i].ID: // ids begin with their time
				due[i] = c
			}
			return nil
		}); err != nil {
			return err
		}
		for _, c := range due {
			data, err := json.Marshal(c)
			if err != nil {
				return fmt.Errorf("cannot encode a command: %w", err)
			}
			if err := errors.Join(tx.Delete(pendingView, []byte(c.ID)), tx.Put(begunView, []byte(c.ID), data)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range cut {
		g.log.Warn("command was cut off; nobody knows whether it was done, and it is not done again", "device", c.Do.Device)
	}
	for _, c := range due {
		busy[c.Do.Device] = c.ID
	}
	return due, nil
}

// recordCommand puts on record what became of a command that was begun.
func (g *Gateway) recordCommand(tx *storage.Tx, c dueCommand, f kiosk.AuditFacts) error {
	f.Resource = c.Do.Device
	if err := tx.Delete(begunView, []byte(c.ID)); err != nil {
		return err
	}
	return g.journal.Audit(tx, kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorAuthority, ID: downlink.Authority}), kiosk.CommandDone, f)
}

var errExpired = errors.New("expired")

// doCommand does one command, and gives it up when it expires: a door that opens, or a
// ticket that comes out, when nobody counts on it any more is worse than none.
func (g *Gateway) doCommand(ctx context.Context, c dueCommand) {
	facts := kiosk.AuditFacts{Action: c.Do.Verb}
	err := errExpired
	if now := g.trustedTime(); !now.IsZero() && now.Before(c.Expires) {
		within, cancel := context.WithTimeout(ctx, c.Expires.Sub(now)) // the machine's clock may be off
		if err = g.devices.Do(within, devices.ID(c.Do.Device), devices.Command{ID: c.ID, Verb: c.Do.Verb, Args: c.Do.Args}); err != nil && within.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", errExpired, err)
		}
		cancel()
	}
	if err != nil {
		facts.Outcome = kiosk.OutcomeFailure
		g.log.Warn("command was not done", "device", c.Do.Device, "error", err)
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	if err := g.store.Update(bounded, func(tx *storage.Tx) error { return g.recordCommand(tx, c, facts) }); err != nil {
		g.log.Error("command was not recorded", "device", c.Do.Device, "error", err)
	}
}

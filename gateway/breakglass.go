package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"
)

// glassView holds the open ones, so that the end of each is on record whatever ends it.
const glassView = "break-glass" // key: id

const glassRound = 2 * time.Second // between looks at what has run out

// glass is one role that somebody took. It ends with the process: it is timed by the
// process's own clock, which nobody can set.
type glass struct {
	control.Glass
	actor kiosk.Actor
	role  control.Roles
	end   time.Time // of this process's clock
}

// glasses are those that are open.
type glasses struct {
	one sync.Mutex // held while one begins or ends

	mu   sync.Mutex
	open []*glass // guarded by mu
	bell bell
}

func (s *glasses) find(ok func(*glass) bool) *glass {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.IndexFunc(s.open, ok); i >= 0 {
		return s.open[i]
	}
	return nil
}

// shown lists what has not run out.
func (s *glasses) shown() []control.Glass {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []control.Glass{}
	for _, g := range s.open {
		if time.Now().Before(g.end) {
			list = append(list, g.Glass)
		}
	}
	return list
}

type glassBackend struct{ *Gateway }

func glassFacts(g control.Glass, action string) kiosk.AuditFacts {
	return kiosk.AuditFacts{Action: action, Resource: g.ID}
}

// Open gives a role for a while.
func (g glassBackend) Open(ctx context.Context, by control.Caller, in control.BreakGlass) (control.Glass, error) {
	role, lasts, err := in.Check(by.Own)
	if err != nil {
		return control.Glass{}, err
	}
	g.glasses.one.Lock()
	defer g.glasses.one.Unlock()
	if have := g.glasses.find(func(o *glass) bool { return o.actor == by.Actor && o.role == role }); have != nil {
		return control.Glass{}, &control.Error{Code: control.Conflict, Message: "this account has taken that role until " + have.Until.UTC().Format("15:04Z") + ", and it is not prolonged",
			Next: "`clinicgate break-glass end " + have.ID + "`, then take it again with the reason of now"}
	}
	if len(g.glasses.shown()) >= control.GlassOpen {
		return control.Glass{}, &control.Error{Code: control.Conflict, Message: fmt.Sprintf("%d are open already", control.GlassOpen), Next: "`clinicgate break-glass list` shows them; end one"}
	}
	now := g.clock.Now().Wall
	o := &glass{actor: by.Actor, role: role, end: time.Now().Add(lasts),
		Glass: control.Glass{ID: uuid.NewString()[:8], By: by.Actor.ID, Role: in.Role, Reason: in.Reason, Reference: in.Reference, From: now, Until: now.Add(lasts)}}
	data, err := json.Marshal(o.Glass)
	if err != nil {
		return control.Glass{}, err
	}
	err = g.store.Update(ctx, func(tx *storage.Tx) error {
		if err := tx.Put(glassView, []byte(o.ID), data); err != nil {
			return err
		}
		return g.journal.Audit(tx, kiosk.NewAct(by.Actor), kiosk.BreakGlassOpened,
			glassFacts(o.Glass, fmt.Sprintf("take %s for %d min: %s, %s", in.Role, int(lasts.Minutes()), in.Reason, in.Reference)))
	})
	if err != nil {
		return control.Glass{}, err
	}
	g.log.Warn("somebody took a role in an emergency", "account", o.By, "role", o.Role, "reason", string(o.Reason), "reference", o.Reference, "until", o.Until)
	g.glasses.mu.Lock()
	g.glasses.open = append(g.glasses.open, o)
	g.glasses.mu.Unlock()
	g.glasses.bell.ring()
	return o.Glass, nil
}

// List gives those that are open.
func (g glassBackend) List(context.Context, control.Caller) (control.Glasses, error) {
	return control.Glasses{Open: g.glasses.shown()}, nil
}

// End ends one before its time.
func (g glassBackend) End(ctx context.Context, by control.Caller, in control.GlassEnd) (control.Glasses, error) {
	o := g.glasses.find(func(o *glass) bool { return o.ID == in.ID })
	switch {
	case o == nil:
		return control.Glasses{}, &control.Error{Code: control.NotFound, Message: "no such role is taken", Next: "`clinicgate break-glass list` shows them"}
	case o.actor != by.Actor && by.Own&(control.Desk|control.Admin) == 0:
		return control.Glasses{}, &control.Error{Code: control.Denied, Message: "it is another account's", Next: "the desk and an administrator may end it"}
	}
	if err := g.endGlass(ctx, o, by.Actor, "ended by hand"); err != nil {
		return control.Glasses{}, err
	}
	return g.List(ctx, by)
}

// Granted gives the roles that an actor has taken.
func (g glassBackend) Granted(a kiosk.Actor) (roles control.Roles) {
	g.glasses.mu.Lock()
	defer g.glasses.mu.Unlock()
	for _, o := range g.glasses.open {
		if o.actor == a && time.Now().Before(o.end) {
			roles |= o.role
		}
	}
	return roles
}

// Used puts one use on record.
func (g glassBackend) Used(ctx context.Context, by control.Caller, role control.Roles, endpoint string) error {
	o := g.glasses.find(func(o *glass) bool { return o.actor == by.Actor && o.role&role != 0 })
	if o == nil {
		return &control.Error{Code: control.Denied, Message: "the time of the role that was taken is over", Next: "`clinicgate break-glass open` takes it again, with the reason of now"}
	}
	if err := g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.BreakGlassUsed, glassFacts(o.Glass, endpoint)); err != nil {
		return err
	}
	g.glasses.mu.Lock()
	o.Uses++
	g.glasses.mu.Unlock()
	return nil
}

// endGlass takes a role away, and then puts that on record.
func (g *Gateway) endGlass(ctx context.Context, o *glass, by kiosk.Actor, how string) error {
	g.glasses.one.Lock()
	defer g.glasses.one.Unlock()
	g.glasses.mu.Lock()
	o.end = time.Now()
	g.glasses.mu.Unlock()
	g.glasses.bell.ring()
	if err := g.sayGlassEnded(ctx, o.Glass, by, how); err != nil {
		return err
	}
	g.glasses.mu.Lock()
	g.glasses.open = slices.DeleteFunc(g.glasses.open, func(e *glass) bool { return e == o })
	g.glasses.mu.Unlock()
	return nil
}

func (g *Gateway) sayGlassEnded(ctx context.Context, o control.Glass, by kiosk.Actor, how string) error {
	return g.store.Update(ctx, func(tx *storage.Tx) error {
		if held, err := tx.Get(glassView, []byte(o.ID)); err != nil || held == nil {
			return err // it is on record already
		}
		if err := tx.Delete(glassView, []byte(o.ID)); err != nil {
			return err
		}
		return g.journal.Audit(tx, kiosk.NewAct(by), kiosk.BreakGlassEnded, glassFacts(o, how))
	})
}

// sayGlassesEnded puts on record that those of the process before ended with it.
func (g *Gateway) sayGlassesEnded(ctx context.Context) error {
	var left []control.Glass
	err := g.store.View(ctx, func(r *storage.Reader) error {
		return r.Walk(glassView, nil, func(_, value []byte) error {
			var o control.Glass
			if err := json.Unmarshal(value, &o); err != nil {
				return fmt.Errorf("a break-glass is malformed: %w", err)
			}
			left = append(left, o)
			return nil
		})
	})
	for _, o := range left {
		err = errors.Join(err, g.sayGlassEnded(ctx, o, kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"}, "ended with the service's process"))
	}
	return err
}

// runGlasses ends what has run out.
func (g *Gateway) runGlasses(ctx context.Context) error {
	tick := time.NewTicker(glassRound)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for {
			o := g.glasses.find(func(o *glass) bool { return !time.Now().Before(o.end) })
			if o == nil {
				break
			}
			if err := g.endGlass(ctx, o, kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"}, "its time was over"); err != nil {
				g.log.Error("the end of a role that was taken is not on record yet", "error", err)
				break
			}
		}
	}
}

// glassesShown is what the desk's page shows of them.
func (g *Gateway) glassesShown() (list []desk.Glass) {
	for _, o := range g.glasses.shown() {
		list = append(list, desk.Glass{ID: o.ID, By: o.By, Role: o.Role, Reference: o.Reference, Until: o.Until})
	}
	return list
}

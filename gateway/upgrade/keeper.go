package upgrade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Manager is the service manager, as far as an upgrade needs it.
type Manager interface {
	// Stop ends the service, the hard way where it has not ended within grace.
	Stop(ctx context.Context, grace time.Duration) error
	// Start starts it, and does not wait. One that runs goes on.
	Start(ctx context.Context) error
	// Ends is how often the service ended by itself since Start; 0 where the manager
	// does not tell.
	Ends(ctx context.Context) (int, error)
}

// Service is the running service.
type Service interface {
	// Look has it commit and read back, and ask its own page; an error is no answer.
	Look(ctx context.Context) (Sight, error)
	// Tell puts an event into the audit log.
	Tell(ctx context.Context, e Event) error
}

// Sight is how the service is.
type Sight struct {
	PID     int      `json:"pid"`
	Version string   `json:"version"` // of the program that runs
	Store   bool     `json:"store"`   // it committed and read back
	Page    bool     `json:"page"`    // its page answers
	Idle    bool     `json:"idle"`    // nobody is at the page
	Address string   `json:"address"` // of the page
	Devices []string `json:"devices"` // that are ready
}

const (
	gateBound  = 45 * time.Second // from the stop of the old program until the new one must have proved itself
	steadyFor  = 5 * time.Second  // for how long it must be well
	stopGrace  = 5 * time.Second
	hardGrace  = 2 * time.Second // of one that did not prove itself
	refusedFor = 5 * time.Second // that a service manager is asked again which refuses
	lookBound  = 5 * time.Second
	lookEvery  = 500 * time.Millisecond
	lastLook   = 2 * time.Second // for what is looked at when gateBound is over
	waitEvery  = 5 * time.Second
	backBound  = 2 * time.Minute  // that the old program is waited for, to say when it served again
	atOnceIdle = 10 * time.Minute // that an upgrade without a window waits for an idle page
	windowIdle = 8 * 24 * time.Hour
	maxEnds    = 2 // ends of the new program until it is not waited for any longer
	maxTries   = 3 // trials that something else interrupted
	tellBound  = 2 * time.Minute
)

// Keeper carries out what the journal says. It is the old program, in a process of
// its own that is neither the service's nor the new program's: a new one that cannot
// even start is taken back all the same. It may be killed at any moment and run again.
type Keeper struct {
	Dir     string // of the journal
	Manager Manager
	Service Service
	// Page asks the check-in page at an address for an answer.
	Page func(ctx context.Context, address string) error
	Log  *slog.Logger

	step func(string) // told each step that is durable; tests cut the power there
}

// Run returns nil when there is nothing more to do, and an error where it must be
// run again.
func (k *Keeper) Run(ctx context.Context) error {
	for {
		s, err := Load(k.Dir)
		if err != nil {
			return err
		}
		switch s.Stage {
		case None:
			return k.tellAll(ctx, s)
		case Planned:
			err = k.wait(ctx, s)
		case Swapping:
			err = k.swap(ctx, s)
		case Trial:
			err = k.try(ctx, s)
		case Returning:
			err = k.giveBack(ctx, s)
		default:
			err = fmt.Errorf("the journal of upgrades has an unknown stage %q", s.Stage)
		}
		if err != nil {
			return err
		}
	}
}

func (k *Keeper) save(s State) error {
	err := save(k.Dir, s)
	if err == nil {
		k.mark("journal " + string(s.Stage))
	}
	return err
}

func (k *Keeper) mark(step string) {
	if k.step != nil {
		k.step(step)
	}
}

// wait waits for the time and an idle page.
func (k *Keeper) wait(ctx context.Context, s State) error {
	for {
		now := time.Now()
		bound := atOnceIdle
		if s.Window != nil {
			bound = windowIdle
		}
		from := s.Planned
		if s.NotBefore.After(from) {
			from = s.NotBefore
		}
		if now.Sub(from) > bound {
			s.Reason = "somebody was at the page all the time"
			return k.drop(s)
		}
		if !now.Before(s.NotBefore) && (s.Window == nil || s.Window.open(now)) {
			sight, err := k.look(ctx)
			if err != nil {
				k.Log.Warn("the service does not answer; it is upgraded all the same", "error", err)
			}
			if err != nil || sight.Idle {
				if sum, err := sumOf(staged(s.Program)); err != nil || sum != s.To.SHA256 {
					s.Reason = "the new program's file was damaged while it waited"
					return k.drop(s)
				}
				if sum, err := sumOf(Old(s.Program)); err != nil || sum != s.From.SHA256 {
					s.Reason = "the copy of the old program was damaged while it waited"
					return k.drop(s)
				}
				s.Devices, s.Stage = sight.Devices, Swapping
				k.tell(ctx, s.event(Started), &s)
				return k.save(s)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(waitEvery):
		}
	}
}

// drop ends an upgrade that changed nothing.
func (k *Keeper) drop(s State) error {
	k.Log.Error("the upgrade is not done", "to", s.To.Version, "reason", s.Reason)
	return errors.Join(k.save(s.end(NotDone, 0, time.Now())), gone(staged(s.Program)))
}

// swap takes the old program out and puts the new one in.
func (k *Keeper) swap(ctx context.Context, s State) error {
	k.Log.Info("the old program is taken out", "from", s.From.Version, "to", s.To.Version)
	s.Stopped = time.Now().UTC()
	if err := k.insist(ctx, func() error { return k.Manager.Stop(ctx, stopGrace) }); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return k.turnBack(s, "the service could not be stopped", false)
	}
	k.mark("stopped")
	if at, err := sumOf(s.Program); err != nil || at != s.To.SHA256 {
		sum, err := sumOf(staged(s.Program))
		if err == nil && sum != s.To.SHA256 {
			err = errors.New("it is not there, or damaged")
		}
		if err == nil {
			err = move(staged(s.Program), s.Program)
		}
		if err != nil {
			k.Log.Error("the new program cannot be put in its place", "error", err)
			return k.turnBack(s, "the new program could not be put in its place", false)
		}
		k.mark("swapped")
	}
	s.Stage = Trial
	return k.save(s)
}

// insist asks the service manager again for a while where it refuses: it may be going
// down with the machine, which this process learns a moment later, and no version is
// to be blamed for that.
func (k *Keeper) insist(ctx context.Context, ask func() error) error {
	for began := time.Now(); ; {
		err := ask()
		if err == nil || time.Since(began) > refusedFor {
			return err
		}
		k.Log.Warn("the service manager refuses; it is asked again", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// turnBack decides that the old program is put back.
func (k *Keeper) turnBack(s State, reason string, blamed bool) error {
	s.Stage, s.Reason, s.Blamed = Returning, reason, blamed
	k.Log.Error("the old program is put back", "to", s.From.Version, "reason", reason)
	return k.save(s)
}

// try starts the new program and judges it.
func (k *Keeper) try(ctx context.Context, s State) error {
	if s.Tries >= maxTries {
		return k.turnBack(s, "its trial was cut off again and again", true)
	}
	s.Tries++
	if err := k.save(s); err != nil {
		return err
	}
	if err := k.insist(ctx, func() error { return k.Manager.Start(ctx) }); err != nil && ctx.Err() == nil {
		k.Log.Error("the service manager cannot start the new program", "error", err)
		return k.turnBack(s, "the service manager cannot start it", true)
	}
	k.mark("started")
	bound := gateBound
	if s.Tries == 1 {
		bound -= time.Since(s.Stopped)
	}
	well, reason, err := k.judge(ctx, s, bound)
	switch {
	case err != nil:
		return err
	case reason != "":
		return k.turnBack(s, reason, true)
	}
	k.Log.Info("the new program proved itself", "version", s.To.Version)
	return k.save(s.end(Confirmed, well.Sub(s.Stopped), time.Now()))
}

// judge looks until the new program was well for a while, and says since when, or why
// it is not.
func (k *Keeper) judge(ctx context.Context, s State, bound time.Duration) (since time.Time, reason string, err error) {
	deadline := time.Now().Add(bound)
	looking, cancel := context.WithDeadline(ctx, deadline.Add(lastLook))
	defer cancel()
	var pid int
	for {
		ends, err := k.Manager.Ends(ctx)
		if err == nil && ends >= maxEnds {
			return since, "it ends again and again", nil
		}
		sight, problem := k.proof(looking, s)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return since, "", ctx.Err()
		case problem != "":
			reason, since = problem, time.Time{}
		case since.IsZero() || sight.PID != pid:
			since, pid = now, sight.PID
		case now.Sub(since) >= steadyFor:
			return since, "", nil
		}
		if now.After(deadline) {
			if reason == "" {
				reason = "it was not well for long enough"
			}
			return since, reason, nil
		}
		select {
		case <-ctx.Done():
			return since, "", ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// proof looks once. The words are ours: what the new program says is not believed to
// be free of what is a patient's.
func (k *Keeper) proof(ctx context.Context, s State) (Sight, string) {
	sight, err := k.look(ctx)
	switch {
	case err != nil:
		return sight, "it does not answer"
	case s.To.Version != "" && plain(sight.Version) != plain(s.To.Version):
		return sight, "the service runs another program" // the manager starts another file than the one that was replaced
	case !sight.Store:
		return sight, "its store does not commit and read back"
	case !sight.Page || k.page(ctx, sight.Address) != nil:
		return sight, "its page does not answer"
	}
	ready := map[string]bool{}
	for _, d := range sight.Devices {
		ready[d] = true
	}
	for _, d := range s.Devices {
		if !ready[d] {
			return sight, "it does not see device " + d
		}
	}
	return sight, ""
}

func (k *Keeper) look(ctx context.Context) (Sight, error) {
	ctx, cancel := context.WithTimeout(ctx, lookBound)
	defer cancel()
	return k.Service.Look(ctx)
}

func (k *Keeper) page(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, lookBound)
	defer cancel()
	return k.Page(ctx, address)
}

// giveBack puts the old program back and starts it.
func (k *Keeper) giveBack(ctx context.Context, s State) error {
	if err := k.Manager.Stop(ctx, hardGrace); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		k.Log.Error("the service manager cannot stop the new program", "error", err)
	}
	k.mark("stopped again")
	at, err := sumOf(s.Program)
	if err != nil {
		return err
	}
	if at != s.From.SHA256 {
		kept, err := sumOf(Old(s.Program))
		if err == nil && kept != s.From.SHA256 {
			err = errors.New("it is not there, or damaged")
		}
		if err == nil {
			_, err = duplicate(Old(s.Program), s.Program)
		}
		if err != nil {
			// Whatever is there is started: a kiosk with neither helps nobody.
			k.Log.Error("the old program cannot be put back", "error", err, "hint", "put clinicgate of the version before in its place by hand")
			s.Reason += "; the old program could not be put back"
			return errors.Join(k.save(s.end(NotDone, 0, time.Now())), k.Manager.Start(ctx))
		}
		k.mark("put back")
	}
	if err := k.Manager.Start(ctx); err != nil {
		return err
	}
	k.mark("started again")
	away, err := k.serves(ctx, s)
	if err != nil {
		return err
	}
	if err := gone(staged(s.Program)); err != nil {
		k.Log.Warn("the new program's file stays", "error", err)
	}
	k.Log.Info("the old program is back", "version", s.From.Version, "away", away)
	result := RolledBack
	if !s.Blamed {
		result = NotDone
	}
	return k.save(s.end(result, away, time.Now()))
}

// serves waits until the old program serves patients again, and says how long none
// did; 0 where that is not known.
func (k *Keeper) serves(ctx context.Context, s State) (time.Duration, error) {
	bounded, cancel := context.WithTimeout(ctx, backBound)
	defer cancel()
	for {
		if _, problem := k.proof(bounded, State{}); problem == "" {
			return time.Since(s.Stopped).Round(time.Millisecond), nil
		}
		select {
		case <-bounded.Done():
			return 0, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}

// tell tells the audit log; what it cannot be told is kept.
func (k *Keeper) tell(ctx context.Context, e Event, s *State) {
	ctx, cancel := context.WithTimeout(ctx, lookBound)
	defer cancel()
	if err := k.Service.Tell(ctx, e); err != nil {
		k.Log.Warn("the audit log was not told yet", "event", string(e.Type), "error", err)
		s.Untold = append(s.Untold, e)
	}
}

// tellAll tells what is left, for a while; what then is left is told with the next
// upgrade.
func (k *Keeper) tellAll(ctx context.Context, s State) error {
	began := time.Now()
	for len(s.Untold) > 0 && time.Since(began) < tellBound {
		left := State{}
		for _, e := range s.Untold {
			k.tell(ctx, e, &left)
		}
		if len(left.Untold) < len(s.Untold) {
			s.Untold = left.Untold
			if err := k.save(s); err != nil {
				return err
			}
		}
		if len(left.Untold) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(waitEvery):
		}
	}
	return nil
}

package checkin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// HelpKind is what help is asked for.
type HelpKind string

const (
	Ill       HelpKind = "ill"       // "I feel very ill"
	NeedHelp  HelpKind = "need-help" // "I need help here"
	AtConsent HelpKind = "consent"   // a video visit without its consent: raised by the check-in itself
	Elsewhere HelpKind = "elsewhere" // an escalation that another kiosk or a provider raised
)

// Help is a call for help. It is on while Status is active.
type Help struct {
	ID         uuid.UUID
	Kind       HelpKind
	Kiosk      kiosk.KioskID // where; empty: a provider raised it
	Department kiosk.DepartmentID
	Ticket     string // of the visit, when one was identified
	Severity   string
	At         time.Time
	Status     kiosk.EscalationStatus
	By         string    // who acknowledged or resolved it
	Answered   time.Time // when that became known here
	Widened    bool      // nobody answered in time: every department was told
	Durable    bool      // on disk; the alarm does not wait for it

	session string // who pressed: a page session,
	device  string // or somebody at a button that is wired to the kiosk
	entry   kiosk.EntryID
	guessed bool // the department is one that was told later: the call's own message has not come
}

// helpDesk keeps the calls in memory. The alarm hangs on it and on nothing else.
type helpDesk struct {
	mu       sync.Mutex
	calls    map[uuid.UUID]Help         // guarded by mu
	watchers map[chan struct{}]struct{} // guarded by mu
	wake     chan struct{}              // rings Run
}

const (
	maxCalls = 256
	helpView = "help" // key: id
	helpKept = 24 * time.Hour
	helpKind = "emergency/EMERGENCY_ESCALATION"

	// widenAfter is how long one department has to answer before all are told.
	widenAfter = 30 * time.Second
	// comingFor is how long "someone is coming" is said after a person answered.
	comingFor = 3 * time.Minute
)

func newHelpDesk() *helpDesk {
	return &helpDesk{calls: map[uuid.UUID]Help{}, watchers: map[chan struct{}]struct{}{}, wake: make(chan struct{}, 1)}
}

// show puts a call, or what became of it, into memory and rings. A call never
// goes back to an earlier state.
func (d *helpDesk) show(h Help) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, known := d.calls[h.ID]; known {
		if h.guessed {
			h.Department, h.guessed = old.Department, old.guessed
		} else if old.guessed {
			old.Department, old.guessed = h.Department, false
		}
		h.Durable, h.Widened = h.Durable || old.Durable, h.Widened || old.Widened
		if old.Status.Rank() > h.Status.Rank() {
			old.Durable, old.Widened = h.Durable, h.Widened
			h = old
		}
	} else if len(d.calls) >= maxCalls {
		d.dropOldest()
	}
	d.calls[h.ID] = h
	for w := range d.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// dropOldest makes room: a finished call first, an active one last. mu is held.
func (d *helpDesk) dropOldest() {
	var oldest Help
	for _, h := range d.calls {
		if oldest.ID == uuid.Nil || h.Status.Rank() > oldest.Status.Rank() ||
			h.Status.Rank() == oldest.Status.Rank() && h.At.Before(oldest.At) {
			oldest = h
		}
	}
	delete(d.calls, oldest.ID)
}

func (d *helpDesk) find(match func(Help) bool) (Help, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, h := range d.calls {
		if match(h) {
			return h, true
		}
	}
	return Help{}, false
}

func (d *helpDesk) list(match func(Help) bool) []Help {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Help
	for _, h := range d.calls {
		if match(h) {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b Help) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return list
}

// ActiveHelp lists the calls that nobody has acknowledged, oldest first.
func (s *Service) ActiveHelp() []Help {
	return s.help.list(func(h Help) bool { return h.Status == kiosk.EscalationActive })
}

// OpenHelp lists the calls that nobody has resolved, oldest first: those that
// still sound, and those that somebody takes care of.
func (s *Service) OpenHelp() []Help {
	return s.help.list(func(h Help) bool { return h.Status.Rank() < kiosk.EscalationResolved.Rank() })
}

// HelpCall gives a call by its id.
func (s *Service) HelpCall(id uuid.UUID) (Help, bool) {
	return s.help.find(func(h Help) bool { return h.ID == id })
}

// KioskHelp gives the patient's call for help that this kiosk's page tells of: the
// oldest that nobody has answered, else the last one that somebody just has.
func (s *Service) KioskHelp() (h Help, ok bool) {
	now := s.cfg.Now().Wall
	for _, c := range s.help.list(func(h Help) bool { return h.Kiosk == s.cfg.Kiosk && (h.Kind == Ill || h.Kind == NeedHelp) }) {
		switch {
		case c.Status == kiosk.EscalationActive:
			return c, true
		case c.Status == kiosk.EscalationAcknowledged && now.Sub(c.Answered) < comingFor:
			h, ok = c, true
		}
	}
	return h, ok
}

// WatchHelp gives a channel that is rung when a call is raised or changes. Call
// cancel when done.
func (s *Service) WatchHelp() (changed <-chan struct{}, cancel func()) {
	w := make(chan struct{}, 1)
	s.help.mu.Lock()
	s.help.watchers[w] = struct{}{}
	s.help.mu.Unlock()
	return w, func() {
		s.help.mu.Lock()
		delete(s.help.watchers, w)
		s.help.mu.Unlock()
	}
}

// Help raises a call. It is on before anything is written, and is written
// before Help returns if the store takes it; if not, Run goes on trying and
// Durable tells. Pressing again while it is on gives the same call.
func (s *Service) Help(ctx context.Context, session string, kind HelpKind) (Help, error) {
	if kiosk.StaffID(session).Validate() != nil || kind != Ill && kind != NeedHelp {
		return Help{}, ErrInput
	}
	h := Help{Kind: kind, Department: s.home(), Severity: "urgent", session: session}
	if kind == Ill {
		h.Severity = "critical"
	}
	s.mu.Lock()
	held, ok := s.holds[session]
	s.mu.Unlock()
	if ok {
		if e, there := s.queue.Entry(held.entry); there {
			h.Department, h.Ticket, h.entry = e.Department, e.Metadata.Ticket, e.ID
		}
	}
	return s.raise(ctx, h), nil
}

// Press raises a call of somebody at a help button that is wired to the kiosk. It
// is the page's NeedHelp in every way but who asks: the button does not know who
// stands at the page, so the call names no visit. Where press, the device's own
// name for it, is not empty, the same press said again is the same call, also after
// that was answered and over a restart: nobody is called by what was captured and
// replayed. Without a store to ask it calls.
func (s *Service) Press(ctx context.Context, device, press string) (Help, error) {
	if kiosk.StaffID(device).Validate() != nil {
		return Help{}, ErrInput
	}
	h := Help{Kind: NeedHelp, Department: s.home(), Severity: "urgent", device: device}
	if press != "" {
		h.ID = kiosk.DeriveID(uuid.NewSHA1(pressNamespace, []byte(press)), "press", string(s.cfg.Kiosk), device)
		if known, ok := s.HelpCall(h.ID); ok {
			return known, nil
		}
		if s.recorded(ctx, h.act().EventID(helpKind, h.ID.String())) {
			h.Durable = true
			return h, nil
		}
	}
	return s.raise(ctx, h), nil
}

// pressNamespace keeps ids made from what devices call their presses apart from
// all others.
var pressNamespace = uuid.MustParse("b3b8a2f4-0a5c-4b52-9c4e-8a3d1f0c6e21")

// recorded tells whether the store holds an event.
func (s *Service) recorded(ctx context.Context, id uuid.UUID) (found bool) {
	err := s.queue.View(ctx, func(r *storage.Reader) error {
		_, found = r.Lookup(id)
		return nil
	})
	return err == nil && found
}

// home is the department that answers for the kiosk itself.
func (s *Service) home() kiosk.DepartmentID {
	if len(s.cfg.Served) > 0 {
		return s.cfg.Served[0]
	}
	return s.cfg.Departments[0].ID
}

// raise turns a call of this kiosk on, unless it is, and has it written.
func (s *Service) raise(ctx context.Context, h Help) Help {
	if on, ok := s.help.find(func(o Help) bool {
		return o.Kiosk == s.cfg.Kiosk && o.session == h.session && o.device == h.device && o.Kind == h.Kind && o.Status == kiosk.EscalationActive
	}); ok {
		return on
	}
	if h.ID == uuid.Nil {
		h.ID = kiosk.NewAct(kiosk.Actor{}).ID
	}
	h.Kiosk, h.At, h.Status = s.cfg.Kiosk, s.cfg.Now().Wall, kiosk.EscalationActive
	s.help.show(h)
	if err := s.writeHelp(ctx, h); err != nil {
		s.log.Error("help is on and not durable yet", "reason", err)
	}
	select { // Run tries again, or waits for an answer
	case s.help.wake <- struct{}{}:
	default:
	}
	now, _ := s.HelpCall(h.ID)
	return now
}

// act is the act of raising the call, the same at each attempt to write it.
func (h Help) act() kiosk.Act {
	if h.device != "" {
		return kiosk.Act{ID: h.ID, Actor: kiosk.Actor{Kind: kiosk.ActorDevice, ID: h.device}}
	}
	return kiosk.Act{ID: h.ID, Actor: kiosk.Actor{Kind: kiosk.ActorPatient, ID: h.session}, Session: h.session}
}

// raised gives the call as it was raised, whatever became of it since.
func (h Help) raised() Help {
	h.Status, h.By, h.Answered = kiosk.EscalationActive, "", time.Time{}
	return h
}

// writeHelp makes a call durable and publishes it.
func (s *Service) writeHelp(ctx context.Context, h Help) error {
	h = h.raised()
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		if err := s.escalate(tx, h.act(), h, kiosk.EmergencyTriggered); err != nil {
			return err
		}
		return putHelp(tx, h)
	})
	if err != nil {
		return fmt.Errorf("cannot record call for help: %w", err)
	}
	h.Durable = true
	s.help.show(h)
	return nil
}

// escalate publishes a call, or what became of it, to its department.
func (s *Service) escalate(tx *storage.Tx, act kiosk.Act, h Help, audit kiosk.AuditType) error {
	return s.publishHelp(tx, act, h, audit, uuid.Nil)
}

// publishHelp publishes a call under an id; uuid.Nil: that of the act and the call.
func (s *Service) publishHelp(tx *storage.Tx, act kiosk.Act, h Help, audit kiosk.AuditType, id uuid.UUID) error {
	msg := kiosk.EmergencyEscalation{
		Action: "EMERGENCY_ESCALATION", ID: h.ID, EscalatedBy: kiosk.Actor{Kind: kiosk.ActorKiosk, ID: string(h.Kiosk)}.String(),
		Severity: h.Severity, Reason: "patient " + string(h.Kind), Timestamp: kiosk.At(now(tx)), Status: h.Status,
	}
	if e, ok := s.queue.Entry(h.entry); ok && e.Provider != "" {
		msg.ConsultationID = kiosk.ConsultationChannel(e.Provider, e.Patient)
	}
	if h.Status != kiosk.EscalationActive {
		msg.UpdatedBy = act.Actor.String()
	}
	_, err := s.journal.Record(tx, act, kiosk.What{
		Kind: helpKind, ID: id, Channel: kiosk.EmergencyChannel(h.Department), Body: msg, Audit: audit,
		Facts: kiosk.AuditFacts{Action: string(h.Kind) + " " + string(h.Status), Resource: h.ID.String()},
	})
	return err
}

// settleHelp writes the calls that are not durable yet.
func (s *Service) settleHelp(ctx context.Context) error {
	var errs []error
	for _, h := range s.help.list(func(h Help) bool { return !h.Durable && (h.Kind == Ill || h.Kind == NeedHelp) }) {
		errs = append(errs, s.writeHelp(ctx, h))
	}
	return errors.Join(errs...)
}

// widenHelp tells every department of calls that nobody answered in time, and
// gives the time until the next one is due; 0 for none.
func (s *Service) widenHelp(ctx context.Context) (next time.Duration, err error) {
	now := s.cfg.Now().Wall
	waiting := func(h Help) bool {
		return h.Status == kiosk.EscalationActive && h.Kiosk == s.cfg.Kiosk && (h.Kind == Ill || h.Kind == NeedHelp) && h.Durable && !h.Widened
	}
	for _, h := range s.help.list(waiting) {
		if left := widenAfter - now.Sub(h.At); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		h.Widened = true
		if failed := s.queue.Update(ctx, func(tx *storage.Tx) error {
			for _, d := range s.cfg.Departments {
				if d.ID == h.Department {
					continue
				}
				wider := h
				wider.Department = d.ID
				if err := s.publishHelp(tx, h.act(), wider, kiosk.EmergencyWidened, widenedID(h.ID, d.ID)); err != nil {
					return err
				}
			}
			return putHelp(tx, h)
		}); failed != nil {
			err = fmt.Errorf("cannot tell all departments of a call for help: %w", failed)
			continue
		}
		s.log.Warn("nobody has answered a call for help; every department is told")
		s.help.show(h)
	}
	return next, err
}

// widenedID is the id of the message that tells another department of a call; by it
// others know that the call is not that department's own.
func widenedID(call uuid.UUID, d kiosk.DepartmentID) uuid.UUID {
	return kiosk.DeriveID(call, "widened", string(d))
}

// callStaff asks staff to a video visit that has no consent. It is this
// kiosk's own call: nothing is published but the audit event.
func (s *Service) callStaff(tx *storage.Tx, act kiosk.Act, e kiosk.Entry) (*Help, error) {
	h := Help{
		ID: act.EventID("help", e.ID.String()), Kind: AtConsent, Kiosk: s.cfg.Kiosk, Department: e.Department, Ticket: e.Metadata.Ticket,
		Severity: "urgent", At: now(tx), Status: kiosk.EscalationActive, Durable: true, session: act.Session, entry: e.ID,
	}
	if err := s.journal.Audit(tx, act, kiosk.StaffCalled, kiosk.AuditFacts{Action: "call from the page", Resource: e.ID.String()}); err != nil {
		return nil, err
	}
	return &h, putHelp(tx, h)
}

// Acknowledge ends a call's alarm: a person has seen it.
func (s *Service) Acknowledge(ctx context.Context, act kiosk.Act, id uuid.UUID) (Help, error) {
	return s.moveHelp(ctx, act, id, kiosk.EscalationAcknowledged, kiosk.EmergencyAcknowledged)
}

// Resolve closes a call: it was dealt with and documented.
func (s *Service) Resolve(ctx context.Context, act kiosk.Act, id uuid.UUID) (Help, error) {
	return s.moveHelp(ctx, act, id, kiosk.EscalationResolved, kiosk.EmergencyResolved)
}

// ErrNoHelp says that there is no such call.
var ErrNoHelp = errors.New("no such call for help")

func (s *Service) moveHelp(ctx context.Context, act kiosk.Act, id uuid.UUID, to kiosk.EscalationStatus, audit kiosk.AuditType) (Help, error) {
	h, ok := s.HelpCall(id)
	if !ok {
		return Help{}, ErrNoHelp
	}
	if h.Status.Rank() >= to.Rank() {
		return h, nil // somebody did so already
	}
	raised := h.raised()
	h.Status, h.By, h.Answered = to, act.Actor.String(), s.cfg.Now().Wall
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		var err error
		if !raised.Durable {
			if err = s.escalate(tx, raised.act(), raised, kiosk.EmergencyTriggered); err != nil {
				return err
			}
		}
		if h.Kind == AtConsent {
			err = s.journal.Audit(tx, act, kiosk.StaffCalled, kiosk.AuditFacts{Action: string(to), Resource: h.entry.String()})
		} else {
			err = s.escalate(tx, act, h, audit)
		}
		if err != nil {
			return err
		}
		return putHelp(tx, h)
	})
	if err != nil {
		return Help{}, fmt.Errorf("cannot record answer to call for help: %w", err)
	}
	h.Durable = true
	s.help.show(h)
	return h, nil
}

// applyHelp takes in an escalation of another kiosk or a provider, or what
// became of one.
func (s *Service) applyHelp(tx *storage.Tx, m kiosk.Received, msg *kiosk.EmergencyEscalation) (kiosk.Result, error) {
	c, ok := kiosk.ParseChannel(m.Channel)
	if !ok || c.Family != kiosk.EmergencyFamily || msg.ID == uuid.Nil || msg.Status.Rank() < 0 || len(msg.Severity) > 40 {
		return kiosk.Ignored, nil
	}
	h, known := s.HelpCall(msg.ID)
	widened := m.ID == widenedID(msg.ID, c.Department)
	switch {
	case known && h.guessed && !widened:
		h.Department, h.guessed = c.Department, false
		if h.Status.Rank() >= msg.Status.Rank() {
			s.help.show(h)
			return kiosk.Applied, putHelp(tx, h)
		}
	case known && h.Status.Rank() >= msg.Status.Rank():
		return kiosk.Known, nil
	case !known:
		h = Help{ID: msg.ID, Kind: Elsewhere, Department: c.Department, Severity: msg.Severity, At: m.Origin.HLC.Time(), Durable: true, Widened: widened, guessed: widened}
		if m.Publisher == "" {
			h.Kiosk = kiosk.KioskID(m.Origin.Kiosk)
		}
	}
	h.Status = msg.Status
	if h.Status != kiosk.EscalationActive {
		h.By, h.Answered = string(m.Publisher), s.cfg.Now().Wall
		if a, err := kiosk.ParseActor(msg.UpdatedBy); err == nil && m.Publisher == "" {
			h.By = a.String()
		}
	}
	// Before the commit: an alarm is better early than late, and the message is
	// believed whatever becomes of this transaction.
	s.help.show(h)
	return kiosk.Applied, putHelp(tx, h)
}

// helpRow is the stored form of a call.
type helpRow struct {
	ID         uuid.UUID              `json:"i"`
	Kind       HelpKind               `json:"k"`
	Kiosk      kiosk.KioskID          `json:"o,omitempty"`
	Department kiosk.DepartmentID     `json:"d"`
	Ticket     string                 `json:"t,omitempty"`
	Severity   string                 `json:"v"`
	At         kiosk.Timestamp        `json:"a"`
	Status     kiosk.EscalationStatus `json:"s"`
	By         string                 `json:"b,omitempty"`
	Session    string                 `json:"e,omitempty"`
	Device     string                 `json:"c,omitempty"`
	Entry      kiosk.EntryID          `json:"n,omitzero"`
	Answered   kiosk.Timestamp        `json:"w,omitzero"`
	Widened    bool                   `json:"x,omitempty"`
	Guessed    bool                   `json:"g,omitempty"`
}

// putHelp writes a call, unless what became of it since is stored already.
func putHelp(tx *storage.Tx, h Help) error {
	old, err := tx.Get(helpView, h.ID[:])
	if err != nil {
		return fmt.Errorf("cannot read call for help: %w", err)
	}
	if old != nil {
		var row helpRow
		if json.Unmarshal(old, &row) == nil {
			if h.guessed {
				h.Department, h.guessed = row.Department, row.Guessed
			}
			if row.Status.Rank() > h.Status.Rank() {
				if h.guessed || !row.Guessed {
					return nil
				}
				row.Department, row.Guessed = h.Department, false
				return putRow(tx, row)
			}
		}
	}
	return putRow(tx, helpRow{h.ID, h.Kind, h.Kiosk, h.Department, h.Ticket, h.Severity, kiosk.At(h.At), h.Status, h.By, h.session, h.device, h.entry,
		kiosk.At(h.Answered), h.Widened, h.guessed})
}

func putRow(tx *storage.Tx, row helpRow) error {
	data, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := tx.Put(helpView, row.ID[:], data); err != nil {
		return fmt.Errorf("cannot write call for help: %w", err)
	}
	return nil
}

// loadHelp puts the calls of the last day on again, and drops older ones that
// were answered.
func (s *Service) loadHelp(ctx context.Context) error {
	limit := s.cfg.Now().Wall.Add(-helpKept)
	var old []uuid.UUID
	err := s.queue.View(ctx, func(r *storage.Reader) error {
		return r.Walk(helpView, nil, func(_, value []byte) error {
			var row helpRow
			if err := json.Unmarshal(value, &row); err != nil {
				return errors.New("stored call for help is malformed")
			}
			if row.At.Before(limit) && row.Status != kiosk.EscalationActive {
				old = append(old, row.ID)
				return nil
			}
			s.help.show(Help{ID: row.ID, Kind: row.Kind, Kiosk: row.Kiosk, Department: row.Department, Ticket: row.Ticket, Severity: row.Severity,
				At: row.At.Time, Status: row.Status, By: row.By, Answered: row.Answered.Time, Widened: row.Widened, guessed: row.Guessed, Durable: true,
				session: row.Session, device: row.Device, entry: row.Entry})
			return nil
		})
	})
	if err == nil && len(old) > 0 {
		err = s.queue.Update(ctx, func(tx *storage.Tx) error {
			for _, id := range old {
				if err := tx.Delete(helpView, id[:]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("cannot load calls for help: %w", err)
	}
	return nil
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Provider is one of the clinic's providers, as the config names them.
type Provider struct {
	ID         kiosk.ProviderID
	Name       string // shown to patients
	Department kiosk.DepartmentID
	Room       string
}

// Config is the queue's section of the composition.
type Config struct {
	Kiosk        kiosk.KioskID
	Organization kiosk.OrganizationID
	Letter       byte // of this kiosk's tickets, 'A' to 'Z'
	Calendar     kiosk.Calendar
	Departments  []kiosk.DepartmentID
	Providers    []Provider

	NoShowAfter time.Duration // after a call; default 5 minutes
	Grace       time.Duration // in which a no-show may come back; default 15 minutes
	Visit       time.Duration // expected length of a visit until five were seen; default 15 minutes
	EarlyCall   time.Duration // how long before the appointment a patient may be called; default 15 minutes

	// Now is the clock: trusted time where Synced.
	Now func() storage.Instant
	// Today gives the clinic day. Nil: that of the calendar.
	Today func(storage.Instant) kiosk.Day
	// Consents reads a patient's consents at Load. Nil: entries say nothing of
	// consents until Consented is told.
	Consents func(*storage.Reader, kiosk.PatientRef) (kiosk.Consents, error)
}

// Store is the part of the store that the queue needs; *storage.Store is one.
type Store interface {
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Update(ctx context.Context, fn func(tx *storage.Tx) error) error
}

// Queue keeps the queues of all departments of a site. Make it with New, fill
// it with Load, run its timers with Run. It is safe for concurrent use.
type Queue struct {
	cfg     Config
	store   Store
	log     *slog.Logger
	journal kiosk.Journal
	current atomic.Pointer[staged] // the transaction that runs in the store's writer
	stale   atomic.Bool            // memory may lag behind the store: the outcome of a commit was unknown
	wake    chan struct{}          // rings Run

	mu       sync.RWMutex
	entries  map[string]*held // guarded by mu, as all below; by entry id
	provided map[string]*shift
	clocks   Corrections
	consents map[kiosk.PatientRef]kiosk.Consents
	arrivals map[arrival]map[string]struct{} // ids of the entries that are for one appointment
	tickets  map[kiosk.Day]uint64            // highest number of our letter seen
	heard    map[string]time.Time            // kiosk: time of its newest message
	watchers map[chan struct{}]struct{}
	changed  time.Time     // when memory last changed
	ignored  uint64        // facts refused because a bound was reached
	clash    kiosk.KioskID // another kiosk with our letter
}

// held is an entry in memory.
type held struct {
	row   *row
	state State
}

// New makes a queue; it starts nothing and reads nothing.
func New(cfg Config, store Store, log *slog.Logger) (*Queue, error) {
	err := errors.Join(cfg.Kiosk.Validate(), cfg.Organization.Validate())
	if cfg.Letter < 'A' || cfg.Letter > 'Z' {
		err = errors.Join(err, errors.New("ticket letter is not A to Z"))
	}
	if cfg.Calendar.Zone == nil || cfg.Now == nil || store == nil {
		err = errors.Join(err, errors.New("no zone, clock or store"))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make queue: %w", err)
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&cfg.NoShowAfter, 5 * time.Minute}, {&cfg.Grace, 15 * time.Minute}, {&cfg.Visit, 15 * time.Minute}, {&cfg.EarlyCall, 15 * time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if cfg.Today == nil {
		cfg.Today = func(now storage.Instant) kiosk.Day { return cfg.Calendar.Day(now.Wall) }
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		cfg: cfg, store: store, log: log, journal: kiosk.Journal{Organization: cfg.Organization},
		wake: make(chan struct{}, 1), watchers: map[chan struct{}]struct{}{}, heard: map[string]time.Time{},
	}
	q.entries, q.provided = map[string]*held{}, map[string]*shift{}
	q.clocks, q.consents, q.tickets = Corrections{}, map[kiosk.PatientRef]kiosk.Consents{}, map[kiosk.Day]uint64{}
	q.arrivals = map[arrival]map[string]struct{}{}
	return q, nil
}

// Load reads everything from the store. Call it once before the queue is used. Later
// it takes in what memory lacks: what was committed and shown since the store was
// read is newer and stays.
func (q *Queue) Load(ctx context.Context) error {
	var entries, providers []*row
	clocks := Corrections{}
	consents := map[kiosk.PatientRef]kiosk.Consents{}
	err := q.store.View(ctx, func(r *storage.Reader) error {
		for view, list := range map[string]*[]*row{entryView: &entries, providerView: &providers} {
			err := r.Walk(view, nil, func(_, value []byte) error {
				one, err := unmarshalRow(value)
				if err == nil {
					*list = append(*list, one)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		if err := r.Walk(clockView, nil, func(_, value []byte) error { return clocks.read(value) }); err != nil {
			return err
		}
		if q.cfg.Consents == nil {
			return nil
		}
		for _, one := range entries {
			for _, f := range one.Facts {
				var patient kiosk.PatientRef
				switch f.Kind {
				case Added:
					patient = f.Entry.PatientID
				case Matched:
					patient = f.Match.PatientID
				default:
					continue
				}
				c, err := q.cfg.Consents(r, patient)
				if err != nil {
					return err
				}
				consents[patient] = c
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot load queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	clocks.merge(q.clocks)
	q.clocks = clocks
	for p, c := range consents {
		if old, ok := q.consents[p]; !ok || c.Records >= old.Records {
			q.consents[p] = c
		}
	}
	for _, r := range entries {
		if h := q.entries[r.Key]; h == nil || h.row.Rev < r.Rev {
			q.entries[r.Key] = &held{row: r}
		}
	}
	for _, r := range providers {
		if s := q.provided[r.Key]; s == nil || s.row.Rev < r.Rev {
			q.provided[r.Key] = newShift(r, clocks)
		}
	}
	q.refold()
	q.notify()
	return nil
}

// refold folds every row again, after the clocks changed. mu is held.
func (q *Queue) refold() {
	for _, h := range q.entries {
		q.show(h.row)
	}
	for k, s := range q.provided {
		q.provided[k] = newShift(s.row, q.clocks)
	}
}

// Update runs fn in one transaction of the store, as storage.Store.Update does,
// and shows what it changed once that is on disk. All methods that take a
// transaction must be called inside it. It is the Store's signature, so that
// who writes through a store interface can be given the queue instead.
func (q *Queue) Update(ctx context.Context, fn func(tx *storage.Tx) error) error {
	var did *staged
	err := q.store.Update(ctx, func(tx *storage.Tx) error {
		did = &staged{tx: tx, entries: map[string]*row{}, provided: map[string]*row{},
			clocks: Corrections{}, consents: map[kiosk.PatientRef]kiosk.Consents{}}
		q.current.Store(did)
		defer q.current.Store(nil)
		return fn(tx)
	})
	switch {
	case err == nil:
		q.publish(did)
	case errors.Is(err, storage.ErrOutcomeUnknown):
		// It may be on disk, now or in a moment. Run reads everything again, behind it.
		q.stale.Store(true)
		q.ring()
	}
	return err
}

// View reads the store; see storage.Store.View.
func (q *Queue) View(ctx context.Context, fn func(r *storage.Reader) error) error {
	return q.store.View(ctx, fn)
}

// Act is Update for a person's act on an entry. An act that the rules refuse
// leaves one audit event and nothing else; its *Refusal is returned.
func (q *Queue) Act(ctx context.Context, act kiosk.Act, fn func(tx *storage.Tx) error) error {
	err := q.Update(ctx, fn)
	var refused *Refusal
	if errors.As(err, &refused) {
		audit := q.Update(ctx, func(tx *storage.Tx) error {
			return q.journal.Audit(tx, act, kiosk.QueueActRefused, kiosk.AuditFacts{
				Action: refused.Act + " from " + string(refused.From), Outcome: kiosk.OutcomeRefused, Resource: refused.Entry.String()})
		})
		return errors.Join(err, audit)
	}
	return err
}

func (q *Queue) staged(tx *storage.Tx) (*staged, error) {
	if s := q.current.Load(); s != nil && s.tx == tx {
		return s, nil
	}
	return nil, errors.New("queue changed outside Queue.Update")
}

// publish shows readers what a committed transaction changed.
func (q *Queue) publish(did *staged) {
	if did == nil || len(did.entries)+len(did.provided)+len(did.clocks)+len(did.consents) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for p, c := range did.consents {
		if old, ok := q.consents[p]; !ok || c.Records >= old.Records {
			q.consents[p] = c
		}
	}
	// The map is replaced, not changed: the writer reads it without the lock.
	clocks := maps.Clone(q.clocks)
	refold := clocks.merge(did.clocks)
	q.clocks = clocks
	for _, r := range did.entries {
		if h := q.entries[r.Key]; h == nil || h.row.Rev < r.Rev {
			q.show(r)
		}
	}
	for _, r := range did.provided {
		if s := q.provided[r.Key]; s == nil || s.row.Rev < r.Rev {
			q.provided[r.Key] = newShift(r, q.clocks)
		}
	}
	if refold {
		q.refold()
	}
	q.notify()
}

// show folds a row into memory. mu is held.
func (q *Queue) show(r *row) {
	h := &held{row: r, state: Fold(r.Facts, q.clocks)}
	q.unlink(r.Key)
	q.entries[r.Key] = h
	q.link(h)
	for _, text := range h.state.Tickets {
		if t, err := ParseTicket(text); err == nil && t.Letter == q.cfg.Letter {
			day := h.state.Entry.Metadata.Day
			q.tickets[day] = max(q.tickets[day], uint64(t.Number))
		}
	}
}

// notify tells watchers that memory changed. mu is held.
func (q *Queue) notify() {
	q.changed = q.cfg.Now().Wall
	for w := range q.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	q.ring()
}

func (q *Queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Watch gives a channel that is rung after a commit that changed something;
// several changes may ring once. Call cancel when done.
func (q *Queue) Watch() (changed <-chan struct{}, cancel func()) {
	w := make(chan struct{}, 1)
	q.mu.Lock()
	q.watchers[w] = struct{}{}
	q.mu.Unlock()
	return w, func() {
		q.mu.Lock()
		delete(q.watchers, w)
		q.mu.Unlock()
	}
}

// Today gives the clinic day.
func (q *Queue) Today() kiosk.Day { return q.cfg.Today(q.cfg.Now()) }

// Entry gives an entry and whether there is one.
func (q *Queue) Entry(id kiosk.EntryID) (kiosk.Entry, bool) {
	s, ok := q.State(id)
	return s.Entry, ok
}

// State gives an entry with what else is known about it: its call, its
// conflicts, all its tickets.
func (q *Queue) State(id kiosk.EntryID) (State, bool) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	h := q.entries[id.String()]
	if h == nil || !h.state.Exists {
		return State{}, false
	}
	return q.seen(h.state), true
}

// seen gives a copy of a state as readers get it, with what the patient's
// consents add. mu is held.
func (q *Queue) seen(s State) State {
	s.Entry = s.Entry.Clone()
	s.Tickets, s.Conflicts = slices.Clone(s.Tickets), slices.Clone(s.Conflicts)
	q.addConsents(&s.Entry)
	if q.twice(&s) {
		s.Entry.Metadata.Flags = with(s.Entry.Metadata.Flags, kiosk.FlagArrived)
	}
	return s
}

func (q *Queue) addConsents(e *kiosk.Entry) {
	c, known := q.consents[e.Patient]
	if !known {
		return
	}
	needed := c.Of(e.Metadata.Mode.ConsentNeeded())
	if needed.InEffect(q.cfg.Now().Wall) {
		e.Metadata.ConsentGiven, e.Metadata.ConsentTimestamp = true, needed.At
	} else if e.Metadata.Mode == kiosk.Video {
		e.Metadata.Flags = with(e.Metadata.Flags, kiosk.FlagConsentMissing)
	}
	if c.DataSharing.Declined {
		e.Metadata.Flags = with(e.Metadata.Flags, kiosk.FlagConsentDeclined)
	}
}

// Consented tells the queue what a patient's consents amount to now, inside the
// transaction that recorded one.
func (q *Queue) Consented(tx *storage.Tx, patient kiosk.PatientRef, c kiosk.Consents) error {
	s, err := q.staged(tx)
	if err == nil {
		s.consents[patient] = c
	}
	return err
}

// States lists a day's entries of some departments (none: of all) in the order
// in which they are called, removed ones left out.
func (q *Queue) States(day kiosk.Day, departments ...kiosk.DepartmentID) []State {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var found []*held
	for _, h := range q.entries {
		e := &h.state.Entry
		if !h.state.Exists || h.state.Removed != "" || e.Metadata.Day != day {
			continue
		}
		if len(departments) == 0 || slices.Contains(departments, e.Department) {
			found = append(found, h)
		}
	}
	slices.SortFunc(found, func(a, b *held) int { return compare(&a.state.Entry, &b.state.Entry) })
	list := make([]State, len(found))
	for i, h := range found {
		list[i] = q.seen(h.state)
	}
	return list
}

// Ahead counts the waiting entries of the same department that will be called
// before an entry.
func (q *Queue) Ahead(id kiosk.EntryID) int {
	q.mu.RLock()
	defer q.mu.RUnlock()
	own := q.entries[id.String()]
	if own == nil {
		return 0
	}
	e, n := &own.state.Entry, 0
	for _, h := range q.entries {
		o := &h.state.Entry
		if h.state.Exists && o.Status == kiosk.Waiting && o.Department == e.Department && o.Metadata.Day == e.Metadata.Day && compare(o, e) < 0 {
			n++
		}
	}
	return n
}

// Entries lists a department's entries of a day in queue order, removed ones
// left out.
func (q *Queue) Entries(department kiosk.DepartmentID, day kiosk.Day) []kiosk.Entry {
	states := q.States(day, department)
	list := make([]kiosk.Entry, len(states))
	for i, s := range states {
		list[i] = s.Entry
	}
	return list
}

// Open counts today's entries that still wait to be seen or are being seen.
func (q *Queue) Open() int {
	day := q.Today()
	q.mu.RLock()
	defer q.mu.RUnlock()
	n := 0
	for _, h := range q.entries {
		if h.state.Exists && h.state.Entry.Metadata.Day == day && h.state.Entry.Status.Open() {
			n++
		}
	}
	return n
}

// Find gives the entry that was given a ticket on a day.
func (q *Queue) Find(t Ticket, day kiosk.Day) (kiosk.Entry, bool) {
	text := t.String()
	q.mu.RLock()
	defer q.mu.RUnlock()
	for _, h := range q.entries {
		if h.state.Exists && h.state.Entry.Metadata.Day == day && slices.Contains(h.state.Tickets, text) {
			return q.seen(h.state).Entry, true
		}
	}
	return kiosk.Entry{}, false
}

// Ignored counts messages that were stored but left out of the queue because it
// had reached one of its bounds.
func (q *Queue) Ignored() uint64 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.ignored
}

package roster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Config is the roster's section of the composition.
type Config struct {
	Organization kiosk.OrganizationID
	Calendar     kiosk.Calendar
	RefKey       []byte  // the clinic's reference key
	Codes        Checker // verifies appointment codes
}

// Store is the part of the store that the roster needs; *storage.Store and
// *queue.Queue are such.
type Store interface {
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Update(ctx context.Context, fn func(tx *storage.Tx) error) error
}

// Roster holds the appointments. Make it with New and fill it with Load. It is
// safe for concurrent use.
type Roster struct {
	cfg     Config
	store   Store
	journal kiosk.Journal

	news chan struct{} // rung when rows came or went

	mu   sync.RWMutex
	days map[kiosk.Day]Held // guarded by mu
}

// Held says what is held of a day.
type Held struct {
	Rows    int         // about how many, without those cancelled
	Births  bool        // some of them, now or earlier, say when somebody was born
	Changed storage.HLC // of the event that brought the newest row
}

// New makes a roster; it reads nothing.
func New(cfg Config, store Store) (*Roster, error) {
	switch {
	case cfg.Organization.Validate() != nil:
		return nil, errors.New("cannot make roster: bad organization id")
	case len(cfg.RefKey) < 16:
		return nil, errors.New("cannot make roster: the reference key is missing or shorter than 16 bytes")
	case cfg.Calendar.Zone == nil || store == nil:
		return nil, errors.New("cannot make roster: no zone or store")
	}
	return &Roster{cfg: cfg, store: store, journal: kiosk.Journal{Organization: cfg.Organization}, days: map[kiosk.Day]Held{}, news: make(chan struct{}, 1)}, nil
}

const maxRows = 20_000 // of one event

const (
	rowView  = "roster"      // group: day; key: appointment id
	codeView = "roster-code" // group: day; key: kind and code; value: appointment ids
	dayView  = "roster-day"  // key: day; value: the day
)

func group(day kiosk.Day) []byte {
	sum := sha256.Sum256([]byte("clinicgate/roster-day/1\n" + string(day)))
	return sum[:8]
}

// stored is a row as it is kept.
type stored struct {
	Row        kiosk.RosterRow    `json:"r"`
	Department kiosk.DepartmentID `json:"d"`
	HLC        storage.HLC        `json:"h"` // of the event that brought it: the later one counts
}

// Load reads which days are held. Call it once before use.
func (r *Roster) Load(ctx context.Context) error {
	days := map[kiosk.Day]Held{}
	err := r.store.View(ctx, func(v *storage.Reader) error {
		if err := v.Walk(dayView, nil, func(_, value []byte) error { days[kiosk.Day(value)] = Held{}; return nil }); err != nil {
			return err
		}
		for day, held := range days {
			err := v.Walk(rowView, group(day), func(_, value []byte) error {
				var s stored
				if err := json.Unmarshal(value, &s); err != nil {
					return errors.New("roster row is malformed")
				}
				if held.Changed = max(held.Changed, s.HLC); !s.Row.Cancelled {
					held.Rows++
				}
				held.Births = held.Births || s.Row.BirthDate != ""
				return nil
			})
			if err != nil {
				return err
			}
			days[day] = held
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot load roster: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.days = days
	return nil
}

// Today gives the clinic day: that of the clock. While nobody has told the time since
// the machine started, it is that of the clock if there is a list for it, and else,
// the clock being wrong, that of the newest list: a day without internet must not
// turn into tomorrow because tomorrow's list is there.
func (r *Roster) Today(now storage.Instant) kiosk.Day {
	if !now.Synced {
		r.mu.RLock()
		defer r.mu.RUnlock()
		if d := r.cfg.Calendar.Day(now.Wall); r.days[d].Rows > 0 {
			return d
		}
		var newest kiosk.Day
		for d, held := range r.days {
			if held.Rows > 0 {
				newest = max(newest, d)
			}
		}
		if newest != "" {
			return newest
		}
	}
	return r.cfg.Calendar.Day(now.Wall)
}

// Days lists the days held.
func (r *Roster) Days() map[kiosk.Day]Held {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return maps.Clone(r.days)
}

// note counts rows of a day that are new, or gone where fresh is negative. It may run ahead of a transaction that then fails;
// the day that it names has been announced all the same.
func (r *Roster) note(day kiosk.Day, fresh int, at storage.HLC) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.days[day]
	r.days[day] = Held{held.Rows + fresh, held.Births, max(held.Changed, at)}
	if at > held.Changed {
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// noteBirth remembers that a day's list says when people were born. It may run
// ahead of its transaction, as note does.
func (r *Roster) noteBirth(day kiosk.Day) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := r.days[day]
	held.Births = true
	r.days[day] = held
}

// News gives a channel that is rung when a list changes; several changes may ring
// once. Like Days it may be ahead of the transaction by a moment, so whoever is
// rung reads in a transaction of its own. It has one reader.
func (r *Roster) News() <-chan struct{} { return r.news }

// Current reports whether the list of a day is held and is no older than the day:
// somebody who is not on a list that is older, or not there, may be expected all
// the same.
func (r *Roster) Current(day kiosk.Day) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	held := r.days[day]
	return held.Rows > 0 && !held.Changed.Time().Before(r.cfg.Calendar.Start(day))
}

func (r *Roster) get(g Getter, day kiosk.Day, id kiosk.AppointmentID) (*stored, error) {
	data, err := g.GetIn(rowView, group(day), []byte(id))
	if err != nil || data == nil {
		return nil, err
	}
	s := new(stored)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, errors.New("roster row is malformed")
	}
	return s, nil
}

// put writes a row and what finds it by code. It gives by how much it makes the
// list longer: 1, 0 or -1.
func (r *Roster) put(tx *storage.Tx, day kiosk.Day, s stored) (more int, err error) {
	if s.Row.Cancelled {
		s.Row = struck(s.Row) // whatever another version left in it
	}
	id := s.Row.AppointmentID
	old, err := r.get(tx, day, id)
	if err != nil {
		return 0, err
	}
	if old != nil && old.HLC > s.HLC {
		return 0, nil // an older version that came later
	}
	data, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	if err := tx.PutIn(rowView, group(day), []byte(id), data); err != nil {
		return 0, fmt.Errorf("cannot write roster row: %w", err)
	}
	if err := tx.Put(dayView, []byte(day), []byte(day)); err != nil {
		return 0, fmt.Errorf("cannot write roster day: %w", err)
	}
	if s.Row.BirthDate != "" {
		r.noteBirth(day)
	}
	was := old != nil && !old.Row.Cancelled
	now := r.keys(day, s.Row)
	if old != nil {
		for _, key := range r.keys(day, old.Row) {
			if slices.Contains(now, key) {
				continue
			}
			if err := r.link(tx, day, key, id, false); err != nil {
				return 0, err
			}
		}
	}
	for _, key := range now {
		if err := r.link(tx, day, key, id, true); err != nil {
			return 0, err
		}
	}
	switch {
	case was && s.Row.Cancelled:
		return -1, nil
	case !was && !s.Row.Cancelled:
		return 1, nil
	}
	return 0, nil
}

// keys lists what an appointment is found by.
func (r *Roster) keys(day kiosk.Day, row kiosk.RosterRow) []string {
	ref := newReference(r.cfg.RefKey, row.AppointmentID, day) // a cancelled one is found, to say so
	keys := []string{refKey(ref), typedKey(TypedCode(r.cfg.RefKey, row.AppointmentID, day))}
	if row.Code != "" {
		keys = append(keys, ownKey(row.Code))
	}
	if row.Card != "" {
		keys = append(keys, cardKey(row.Card))
	}
	return keys
}

func refKey(ref reference) string { return "ref\n" + hex.EncodeToString(ref[:]) }
func typedKey(code string) string { return "typed\n" + code }
func ownKey(code string) string   { return "own\n" + code }

func cardKey(card kiosk.CardRef) string { return "card\n" + string(card) }

// link adds an appointment to what a code finds, or takes it away.
func (r *Roster) link(tx *storage.Tx, day kiosk.Day, key string, id kiosk.AppointmentID, there bool) error {
	ids, err := r.linked(tx, day, key)
	if err != nil {
		return err
	}
	if slices.Contains(ids, id) == there {
		return nil
	}
	if there {
		ids = append(ids, id)
	} else {
		ids = slices.DeleteFunc(ids, func(o kiosk.AppointmentID) bool { return o == id })
	}
	if len(ids) == 0 {
		return tx.DeleteIn(codeView, group(day), []byte(key))
	}
	data, err := json.Marshal(link{key, ids})
	if err != nil {
		return err
	}
	return tx.PutIn(codeView, group(day), []byte(key), data)
}

// link is a row of the code view; it names its key so that it can be deleted.
type link struct {
	Key string                `json:"k"`
	IDs []kiosk.AppointmentID `json:"i"`
}

func (r *Roster) linked(g Getter, day kiosk.Day, key string) ([]kiosk.AppointmentID, error) {
	data, err := g.GetIn(codeView, group(day), []byte(key))
	if err != nil || data == nil {
		return nil, err
	}
	var l link
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, errors.New("roster code row is malformed")
	}
	return l.IDs, nil
}

// Getter reads a row of a view: *storage.Tx and *storage.Reader are such.
type Getter interface {
	GetIn(view string, group, key []byte) ([]byte, error)
}

// Apply takes in a believed part of a list from another kiosk or the authority.
// It is called in the transaction that stores the event. Rows that cannot be
// used are left out.
func (r *Roster) Apply(tx *storage.Tx, m kiosk.Received) (kiosk.Result, error) {
	c, ok := kiosk.ParseChannel(m.Channel)
	if p, is := m.Message.(*kiosk.RosterPerson); ok && is && c.Family == kiosk.RosterFamily {
		return r.applyPerson(tx, m, p)
	}
	msg, is := m.Message.(*kiosk.Roster)
	if !ok || !is || c.Family != kiosk.RosterFamily || !msg.Day.Valid() || len(msg.Rows) > maxRows {
		return kiosk.Ignored, nil
	}
	taken, fresh := 0, 0
	for _, row := range msg.Rows {
		if !valid(row) {
			continue
		}
		more, err := r.put(tx, msg.Day, stored{row, c.Department, m.Origin.HLC})
		if err != nil {
			return kiosk.Ignored, err
		}
		taken, fresh = taken+1, fresh+more
	}
	if taken == 0 {
		return kiosk.Ignored, nil
	}
	r.note(msg.Day, fresh, m.Origin.HLC)
	return kiosk.Applied, nil
}

// List gives a day's appointments, by start.
func (r *Roster) List(ctx context.Context, day kiosk.Day) ([]Appointment, error) {
	var list []Appointment
	err := r.store.View(ctx, func(v *storage.Reader) error {
		return r.walk(v, day, func(s stored) { list = append(list, fromShape(s.Row, s.Department, day)) })
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list roster: %w", err)
	}
	slices.SortFunc(list, byStart)
	return list, nil
}

package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/storage"
)

// Unlisted is a person who came without being on the list, as far as they, or the
// desk for them, said who they are. Any of it may be empty.
type Unlisted struct {
	Entry  kiosk.EntryID
	Day    kiosk.Day
	Family phi.Text // the whole name where it was said in one
	Given  phi.Text
	Birth  phi.Text // 2006-01-02
}

// Name gives the name as it was said: family and given names parted by a comma
// where it is known which is which.
func (u Unlisted) Name() phi.Text {
	var parts []string
	for _, p := range []phi.Text{u.Family, u.Given} {
		if !p.IsZero() {
			parts = append(parts, p.Reveal())
		}
	}
	return phi.New(strings.Join(parts, ", "))
}

// IsZero reports whether nothing was said.
func (u Unlisted) IsZero() bool { return u.Family.IsZero() && u.Given.IsZero() && u.Birth.IsZero() }

const personView = "roster-person" // group: day; key: entry id

// named is a person as it is kept.
type named struct {
	Person kiosk.RosterPerson `json:"p"`
	HLC    storage.HLC        `json:"h"` // of the event that brought it: the later one counts
}

// Remember keeps who an entry without an appointment is, here and, by a
// ROSTER_PERSON event, on the other kiosks, sealed like the list and as long. It
// is called in the transaction that makes the entry. Where nothing was said,
// nothing is written.
func (r *Roster) Remember(tx *storage.Tx, act kiosk.Act, d kiosk.DepartmentID, u Unlisted) error {
	if u.IsZero() {
		return nil
	}
	_, now := tx.Now()
	p := kiosk.RosterPerson{Type: "ROSTER_PERSON", Day: u.Day, QueueEntryID: u.Entry,
		FamilyName: u.Family.Reveal(), GivenName: u.Given.Reveal(), BirthDate: u.Birth.Reveal(), Timestamp: kiosk.At(now.Wall)}
	if !validPerson(p) {
		return errors.New("cannot remember person: a part of the name is too long")
	}
	receipt, err := r.journal.Record(tx, act, kiosk.What{Kind: "roster/ROSTER_PERSON", Channel: kiosk.RosterChannel(d), Body: p,
		Facts: kiosk.AuditFacts{Resource: u.Entry.String()}})
	if err != nil {
		return err
	}
	return r.putPerson(tx, named{p, receipt.HLC})
}

func validPerson(p kiosk.RosterPerson) bool {
	return p.Day.Valid() && !p.QueueEntryID.IsZero() && len(p.FamilyName) <= maxName && len(p.GivenName) <= maxName && len(p.BirthDate) <= 10
}

func (r *Roster) putPerson(tx *storage.Tx, n named) error {
	key := []byte(n.Person.QueueEntryID.String())
	old, err := r.person(tx, n.Person.Day, n.Person.QueueEntryID)
	if err != nil || old != nil && old.HLC > n.HLC {
		return err
	}
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := tx.PutIn(personView, group(n.Person.Day), key, data); err != nil {
		return fmt.Errorf("cannot write person: %w", err)
	}
	if err := tx.Put(dayView, []byte(n.Person.Day), []byte(n.Person.Day)); err != nil {
		return fmt.Errorf("cannot write roster day: %w", err)
	}
	r.note(n.Person.Day, 0, 0) // so that the day is forgotten, list or not
	return nil
}

func (r *Roster) person(g Getter, day kiosk.Day, id kiosk.EntryID) (*named, error) {
	data, err := g.GetIn(personView, group(day), []byte(id.String()))
	if err != nil || data == nil {
		return nil, err
	}
	n := new(named)
	if err := json.Unmarshal(data, n); err != nil {
		return nil, errors.New("roster person is malformed")
	}
	return n, nil
}

// Unlisted gives who an entry without an appointment is, and whether anything is
// known.
func (r *Roster) Unlisted(g Getter, day kiosk.Day, id kiosk.EntryID) (Unlisted, bool, error) {
	n, err := r.person(g, day, id)
	if err != nil || n == nil {
		return Unlisted{}, false, err
	}
	p := n.Person
	return Unlisted{Entry: id, Day: day, Family: phi.New(p.FamilyName), Given: phi.New(p.GivenName), Birth: phi.New(p.BirthDate)}, true, nil
}

// UnlistedOn gives everybody who is remembered without an appointment of a day.
func (r *Roster) UnlistedOn(ctx context.Context, day kiosk.Day) ([]Unlisted, error) {
	var list []Unlisted
	err := r.store.View(ctx, func(v *storage.Reader) error {
		return v.Walk(personView, group(day), func(_, data []byte) error {
			var n named
			if json.Unmarshal(data, &n) != nil {
				return errors.New("roster person is malformed")
			}
			p := n.Person
			list = append(list, Unlisted{Entry: p.QueueEntryID, Day: day, Family: phi.New(p.FamilyName), Given: phi.New(p.GivenName), Birth: phi.New(p.BirthDate)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list who has no appointment: %w", err)
	}
	return list, nil
}

// applyPerson takes in what another kiosk was told.
func (r *Roster) applyPerson(tx *storage.Tx, m kiosk.Received, p *kiosk.RosterPerson) (kiosk.Result, error) {
	if !validPerson(*p) {
		return kiosk.Ignored, nil
	}
	if err := r.putPerson(tx, named{*p, m.Origin.HLC}); err != nil {
		return kiosk.Ignored, err
	}
	return kiosk.Applied, nil
}

package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Cancellation names an appointment that will not take place.
type Cancellation struct {
	ID  kiosk.AppointmentID
	Day kiosk.Day // empty: whichever day it is held of
}

// Cancelled says what came of cancellations.
type Cancelled struct {
	Gone    int // rows taken off the list
	Unknown int // cancellations of what is not on the list
	Days    []kiosk.Day
}

// Cancel takes appointments off the list, here and, by a ROSTER event with rows
// that say so, everywhere. It returns when that is durable. The row stays as a
// mark without a name, so that an older version which arrives later does not
// bring it back; a later import does. A patient who has arrived stays in the
// queue: that is the queue's to know.
func (r *Roster) Cancel(ctx context.Context, act kiosk.Act, list []Cancellation) (Cancelled, error) {
	done := Cancelled{}
	var found []target
	err := r.store.View(ctx, func(v *storage.Reader) error {
		done, found = Cancelled{}, nil
		for _, c := range list {
			days := []kiosk.Day{c.Day}
			if c.Day == "" {
				days = r.held()
			}
			before := len(found)
			for _, day := range days {
				s, err := r.live(v, day, c.ID)
				if err != nil {
					return err
				}
				if s != nil {
					found = append(found, target{day, s.Department, c.ID})
				}
			}
			if len(found) == before {
				done.Unknown++
			}
		}
		return nil
	})
	if err == nil {
		done.Gone, err = r.strike(ctx, act, found)
	}
	for _, t := range found {
		if !slices.Contains(done.Days, t.day) {
			done.Days = append(done.Days, t.day)
		}
	}
	slices.Sort(done.Days)
	if err == nil {
		err = r.store.Update(ctx, func(tx *storage.Tx) error {
			return r.journal.Audit(tx, act, kiosk.RosterImported, kiosk.AuditFacts{
				Action: fmt.Sprintf("%d cancelled, %d not on the list", done.Gone, done.Unknown), Resource: "cancelled: " + days(done.Days)})
		})
	}
	if err != nil {
		return done, fmt.Errorf("cannot cancel appointments: %w", err)
	}
	return done, nil
}

// target is a row to take off.
type target struct {
	day        kiosk.Day
	department kiosk.DepartmentID
	id         kiosk.AppointmentID
}

// moved finds the rows that appointments of a list have on other days: there they
// will not take place.
func (r *Roster) moved(ctx context.Context, list []Appointment) (found []target, err error) {
	err = r.store.View(ctx, func(v *storage.Reader) error {
		found = nil
		for _, day := range r.held() {
			for _, a := range list {
				if a.Day == day {
					continue
				}
				s, err := r.live(v, day, a.ID)
				if err != nil {
					return err
				}
				// Some clinics number their appointments anew each day.
				if s != nil && fromShape(s.Row, s.Department, day).Patient == a.Patient {
					found = append(found, target{day, s.Department, a.ID})
				}
			}
		}
		return nil
	})
	return found, err
}

// held lists the days of which there is something.
func (r *Roster) held() []kiosk.Day {
	var list []kiosk.Day
	for day := range r.Days() {
		list = append(list, day)
	}
	slices.Sort(list)
	return list
}

// strike takes rows off and tells how many were still on the list.
func (r *Roster) strike(ctx context.Context, act kiosk.Act, found []target) (gone int, err error) {
	slices.SortFunc(found, func(a, b target) int {
		return strings.Compare(fmt.Sprint(a.day, "\n", a.department, "\n", a.id), fmt.Sprint(b.day, "\n", b.department, "\n", b.id))
	})
	found = slices.Compact(found)
	for part := 1; len(found) > 0; part++ {
		end := 1
		for end < len(found) && end < maxPart && found[end].day == found[0].day && found[end].department == found[0].department {
			end++
		}
		n, err := r.strikePart(ctx, act, found[:end], part)
		if err != nil {
			return gone, err
		}
		gone, found = gone+n, found[end:]
	}
	return gone, nil
}

// strikePart takes rows of one department and day off.
func (r *Roster) strikePart(ctx context.Context, act kiosk.Act, list []target, part int) (gone int, err error) {
	day, department := list[0].day, list[0].department
	var at storage.HLC
	err = r.store.Update(ctx, func(tx *storage.Tx) error {
		gone, at = 0, 0
		var rows []kiosk.RosterRow
		for _, t := range list {
			s, err := r.live(tx, day, t.id)
			if err != nil {
				return err
			}
			if s != nil && s.Department == department {
				rows = append(rows, struck(s.Row))
			}
		}
		if len(rows) == 0 {
			return nil
		}
		_, now := tx.Now()
		receipt, err := r.journal.Record(tx, act, kiosk.What{
			Kind: "roster/ROSTER", Channel: kiosk.RosterChannel(department),
			Body:  kiosk.Roster{Type: "ROSTER", Day: day, Part: 1, Of: 1, Rows: rows, Timestamp: kiosk.At(now.Wall)},
			Facts: kiosk.AuditFacts{Resource: string(day) + "/" + string(department) + "/cancelled/" + strconv.Itoa(part)},
		})
		if err != nil {
			return err
		}
		at = receipt.HLC
		for _, row := range rows {
			more, err := r.put(tx, day, stored{row, department, receipt.HLC})
			if err != nil {
				return err
			}
			gone -= more
		}
		return nil
	})
	if err == nil && gone > 0 {
		r.note(day, -gone, at)
	}
	return gone, err
}

// struck gives what is kept of a row that was taken off: nothing of the person
// but the reference.
func struck(row kiosk.RosterRow) kiosk.RosterRow {
	return kiosk.RosterRow{AppointmentID: row.AppointmentID, PatientID: row.PatientID, Start: row.Start, Mode: row.Mode, Cancelled: true}
}

// live gives a row that is on the list.
func (r *Roster) live(g Getter, day kiosk.Day, id kiosk.AppointmentID) (*stored, error) {
	s, err := r.get(g, day, id)
	if err != nil || s == nil || s.Row.Cancelled {
		return nil, err
	}
	return s, nil
}

// walk reads the rows of a day that are on the list.
func (r *Roster) walk(w Walker, day kiosk.Day, fn func(s stored)) error {
	return w.Walk(rowView, group(day), func(_, value []byte) error {
		var s stored
		if err := json.Unmarshal(value, &s); err != nil {
			return errors.New("roster row is malformed")
		}
		if !s.Row.Cancelled {
			fn(s)
		}
		return nil
	})
}

package roster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Imported says what an import did.
type Imported struct {
	New, Changed, Same int
	Moved              int // rows of other days that went, as these have the appointment now
	Days               []kiosk.Day
}

const (
	// partBytes bounds the rows of one ROSTER event, below what may be published.
	partBytes = 12 << 10
	// maxPart bounds the rows that one transaction writes.
	maxPart = 60
)

// Import takes in a list. It returns when everything is durable; rows that are
// held already as they are cost nothing. Rows that the list lacks stay, but for
// those of other days whose appointment the list has: it was moved. So an
// appointment's id is one over all days held.
func (r *Roster) Import(ctx context.Context, act kiosk.Act, list []Appointment) (Imported, error) {
	done := Imported{}
	for i := range list {
		if list[i].Patient == "" {
			list[i].Patient = kiosk.NewPatientRef(r.cfg.RefKey, list[i].PatientID)
		}
		if !list[i].CardNumber.IsZero() {
			list[i].Card = kiosk.NewCardRef(r.cfg.RefKey, list[i].CardNumber)
		}
		if !valid(list[i].shape()) || list[i].Department.Validate() != nil || !list[i].Day.Valid() {
			return done, fmt.Errorf("cannot import roster: row %d cannot be used", i+1)
		}
		if !slices.Contains(done.Days, list[i].Day) {
			done.Days = append(done.Days, list[i].Day)
		}
	}
	slices.Sort(done.Days)
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Appointment) int {
		return strings.Compare(string(a.Day)+"\n"+string(a.Department), string(b.Day)+"\n"+string(b.Department))
	})
	sameList := func(a, b Appointment) bool { return a.Day == b.Day && a.Department == b.Department }
	for start := 0; start < len(list); {
		end := start + 1
		for end < len(list) && sameList(list[start], list[end]) {
			end++
		}
		if err := r.importList(ctx, act, list[start:end], &done); err != nil {
			return done, fmt.Errorf("cannot import roster: %w", err)
		}
		start = end
	}
	found, err := r.moved(ctx, list)
	if err == nil {
		done.Moved, err = r.strike(ctx, act, found)
	}
	if err != nil {
		return done, fmt.Errorf("cannot import roster: %w", err)
	}
	err = r.store.Update(ctx, func(tx *storage.Tx) error {
		return r.journal.Audit(tx, act, kiosk.RosterImported, kiosk.AuditFacts{
			Action: fmt.Sprintf("%d new, %d changed, %d same, %d moved", done.New, done.Changed, done.Same, done.Moved), Resource: days(done.Days)})
	})
	if err != nil {
		return done, fmt.Errorf("cannot import roster: %w", err)
	}
	return done, nil
}

func days(list []kiosk.Day) string {
	if len(list) == 0 {
		return "none"
	}
	if len(list) == 1 {
		return string(list[0])
	}
	return string(list[0]) + " to " + string(list[len(list)-1])
}

// importList imports the rows of one department and day.
func (r *Roster) importList(ctx context.Context, act kiosk.Act, list []Appointment, done *Imported) error {
	parts := split(list)
	for i, part := range parts {
		var fresh, changed, same int
		var at storage.HLC
		err := r.store.Update(ctx, func(tx *storage.Tx) error {
			fresh, changed, same, at = 0, 0, 0, 0
			var rows []kiosk.RosterRow
			for _, a := range part {
				old, err := r.get(tx, a.Day, a.ID)
				switch {
				case err != nil:
					return err
				case old == nil || old.Row.Cancelled:
					fresh++
				case old.Row == a.shape() && old.Department == a.Department:
					same++
					continue
				default:
					changed++
				}
				rows = append(rows, a.shape())
			}
			if len(rows) == 0 {
				return nil
			}
			day, department := part[0].Day, part[0].Department
			_, now := tx.Now()
			receipt, err := r.journal.Record(tx, act, kiosk.What{
				Kind: "roster/ROSTER", Channel: kiosk.RosterChannel(department),
				Body:  kiosk.Roster{Type: "ROSTER", Day: day, Part: i + 1, Of: len(parts), Rows: rows, Timestamp: kiosk.At(now.Wall)},
				Facts: kiosk.AuditFacts{Resource: string(day) + "/" + string(department) + "/" + strconv.Itoa(i+1)},
			})
			if err != nil {
				return err
			}
			at = receipt.HLC
			for _, row := range rows {
				if _, err := r.put(tx, day, stored{row, department, receipt.HLC}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		done.New, done.Changed, done.Same = done.New+fresh, done.Changed+changed, done.Same+same
		r.note(part[0].Day, fresh, at)
	}
	return nil
}

// split cuts a list into parts that fit one event each.
func split(list []Appointment) [][]Appointment {
	var parts [][]Appointment
	size, start := 0, 0
	for i, a := range list {
		text, _ := json.Marshal(a.shape()) // strings and times: it cannot fail
		if i > start && (size+len(text) > partBytes || i-start >= maxPart) {
			parts = append(parts, list[start:i])
			size, start = 0, i
		}
		size += len(text) + 1
	}
	return append(parts, list[start:])
}

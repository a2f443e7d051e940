package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Forget drops the days before a day, names and all.
func (r *Roster) Forget(ctx context.Context, before kiosk.Day) error {
	var old []kiosk.Day
	for d := range r.Days() {
		if d < before {
			old = append(old, d)
		}
	}
	for _, d := range old {
		for {
			left, err := r.forget(ctx, d)
			if err != nil {
				return fmt.Errorf("cannot forget roster of %s: %w", d, err)
			}
			if left == 0 {
				break
			}
		}
		r.mu.Lock()
		delete(r.days, d)
		r.mu.Unlock()
	}
	return nil
}

// forget drops some rows of a day and tells how many it dropped.
func (r *Roster) forget(ctx context.Context, day kiosk.Day) (dropped int, err error) {
	enough := errors.New("enough for one transaction")
	g := group(day)
	err = r.store.Update(ctx, func(tx *storage.Tx) error {
		dropped = 0
		count := func() error {
			if dropped++; dropped >= 4*maxPart {
				return enough
			}
			return nil
		}
		err := tx.Walk(codeView, g, func(_, value []byte) error {
			var l link
			if err := json.Unmarshal(value, &l); err != nil {
				return err
			}
			if err := tx.DeleteIn(codeView, g, []byte(l.Key)); err != nil {
				return err
			}
			return count()
		})
		if err == nil {
			err = tx.Walk(rowView, g, func(_, value []byte) error {
				var s stored
				if err := json.Unmarshal(value, &s); err != nil {
					return err
				}
				if err := tx.DeleteIn(rowView, g, []byte(s.Row.AppointmentID)); err != nil {
					return err
				}
				return count()
			})
		}
		if err == nil {
			err = tx.Walk(personView, g, func(_, value []byte) error {
				var n named
				if err := json.Unmarshal(value, &n); err != nil {
					return err
				}
				if err := tx.DeleteIn(personView, g, []byte(n.Person.QueueEntryID.String())); err != nil {
					return err
				}
				return count()
			})
		}
		if err != nil && !errors.Is(err, enough) {
			return err
		}
		if dropped == 0 {
			return tx.Delete(dayView, []byte(day))
		}
		return nil
	})
	return dropped, err
}

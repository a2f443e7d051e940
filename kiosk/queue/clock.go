package queue

import (
	"encoding/json"
	"errors"
	"maps"

	"clinicgate/storage"

	"github.com/google/uuid"
)

// clockRow is the stored form of a correction.
type clockRow struct {
	Kiosk  string      `json:"k"`
	Boot   uuid.UUID   `json:"b"`
	Offset int64       `json:"o,string"`
	HLC    storage.HLC `json:"h"`
}

// Corrected notes the true time of one boot of a kiosk, ours or another's: what
// it did before it knew the time is sorted by it from now on. offset is in
// nanoseconds, Unix time less time since boot; at is the reading of the
// CLOCK_CORRECTED event, of several the latest counts. It is called inside
// Update.
func (q *Queue) Corrected(tx *storage.Tx, clock Clock, offset int64, at storage.HLC) error {
	s, err := q.staged(tx)
	if err != nil {
		return err
	}
	known := q.corrections(s)
	if old, ok := known[clock]; ok && old.HLC >= at {
		return nil
	}
	if offset < 0 || len(clock.Kiosk) > maxRoom || len(known) >= maxCorrections {
		return nil
	}
	data, err := json.Marshal(clockRow{clock.Kiosk, clock.Boot, offset, at})
	if err != nil {
		return err
	}
	s.clocks[clock] = Correction{offset, at}
	return tx.Put(clockView, []byte(clock.Kiosk+"\n"+clock.Boot.String()), data)
}

func (c Corrections) read(data []byte) error {
	var r clockRow
	if err := json.Unmarshal(data, &r); err != nil {
		return errors.New("clock correction is malformed")
	}
	c[Clock{r.Kiosk, r.Boot}] = Correction{r.Offset, r.HLC}
	return nil
}

// merge takes over what is newer and reports whether anything was.
func (c Corrections) merge(more Corrections) (changed bool) {
	for k, v := range more {
		if c[k].HLC < v.HLC || c[k] == (Correction{}) {
			c[k] = v
			changed = true
		}
	}
	return changed
}

// corrections gives what is known inside a transaction.
func (q *Queue) corrections(s *staged) Corrections {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if len(s.clocks) == 0 {
		// Not a copy: publish replaces the map and never changes it.
		return q.clocks
	}
	all := maps.Clone(q.clocks)
	all.merge(s.clocks)
	return all
}

package queue

import (
	"cmp"
	"slices"

	"clinicgate/kiosk"
)

// Left lists a day's entries that are off the lists, the last one first: for
// staff who look for a patient who has just been completed by mistake.
func (q *Queue) Left(day kiosk.Day) []State {
	q.mu.RLock()
	defer q.mu.RUnlock()
	var list []State
	for _, h := range q.entries {
		if h.state.Exists && h.state.Removed != "" && h.state.Entry.Metadata.Day == day {
			list = append(list, q.seen(h.state))
		}
	}
	slices.SortFunc(list, func(a, b State) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Entry.ID.String(), b.Entry.ID.String()))
	})
	return list
}

package roster

import (
	"slices"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
)

// Walker reads a group of a view: *storage.Tx and *storage.Reader are such.
type Walker interface {
	Walk(view string, group []byte, fn func(key, value []byte) error) error
}

// FindByPerson looks for a person among a day's appointments; see identity. When
// the verdict is identity.One it gives what that person has that day, by start,
// and nothing otherwise. It reads, and compares, every row of the day whatever is
// found, so that an answer takes as long as any other.
func (r *Roster) FindByPerson(w Walker, c identity.Claim, day kiosk.Day) (identity.Verdict, []Appointment, error) {
	var list []Appointment
	var candidates []identity.Candidate
	err := r.walk(w, day, func(s stored) {
		a := fromShape(s.Row, s.Department, day)
		list = append(list, a)
		candidates = append(candidates, identity.Candidate{
			Person: string(a.Patient), Birth: a.Birth, Family: a.Family, Given: a.Given, Native: a.Native,
			Time: phi.New(a.Start.In(r.cfg.Calendar.Zone).Format("15:04")), Phone: a.PhoneLast2})
	})
	if err != nil {
		return identity.None, nil, err
	}
	result := identity.Match(c, candidates)
	var found []Appointment
	for _, i := range result.Found {
		found = append(found, list[i])
	}
	slices.SortFunc(found, byStart)
	return result.Verdict, found, nil
}

func byStart(a, b Appointment) int {
	if c := a.Start.Compare(b.Start); c != 0 {
		return c
	}
	return strings.Compare(string(a.ID), string(b.ID))
}

package feed

import (
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
)

// Hold says why a list waits for a person, in a constant word.
type Hold string

const (
	Free        Hold = ""             // it may be imported
	HalfWritten Hold = "half-written" // it ends in the middle of something
	Nothing     Hold = "nothing"      // no row of it could be used
	OtherDay    Hold = "other-day"    // it has nothing for the days that are expected
	Shrunk      Hold = "shrunk"       // more than 30 % of the rows held are missing
)

// maxLostPercent of the rows held of a day may be missing in a new list.
const maxLostPercent = 30

// Window is the days that a list may be for, both ends included.
type Window struct{ First, Last kiosk.Day }

func (w Window) holds(d kiosk.Day) bool { return d != "" && w.First <= d && d <= w.Last }

// Judge tells whether a list may be imported without a person looking at it. held
// gives the rows known of a day. Only a list that is whole can be one that
// shrank: messages tell changes. A row that the list cancels is not lost.
func Judge(l List, expected Window, held func(kiosk.Day) ([]roster.Appointment, error)) (Hold, error) {
	switch {
	case l.Ending == Cut:
		return HalfWritten, nil
	case len(l.Appointments)+len(l.Cancelled) == 0:
		return Nothing, nil
	}
	listed := map[kiosk.Day]map[kiosk.DepartmentID]bool{} // whose rows a list tells; a clinic may have a file for each department
	named := map[kiosk.AppointmentID]bool{}               // of any day, or of none
	current, dayless := false, false
	note := func(id kiosk.AppointmentID, day kiosk.Day) {
		named[id] = true
		dayless = dayless || day == ""
		current = current || expected.holds(day)
	}
	for _, a := range l.Appointments {
		note(a.ID, a.Day)
		if listed[a.Day] == nil {
			listed[a.Day] = map[kiosk.DepartmentID]bool{}
		}
		listed[a.Day][a.Department] = true
	}
	dated := len(listed) > 0
	for _, c := range l.Cancelled {
		note(c.ID, c.Day)
		dated = dated || c.Day != ""
	}
	if !current && !(dayless && !dated) {
		return OtherDay, nil
	}
	if !l.Whole {
		return Free, nil
	}
	for day, departments := range listed {
		all, err := held(day)
		if err != nil {
			return "", err
		}
		rows, lost := 0, 0
		for _, a := range all {
			if !departments[a.Department] {
				continue
			}
			rows++
			if !named[a.ID] {
				lost++
			}
		}
		if lost*100 > rows*maxLostPercent {
			return Shrunk, nil
		}
	}
	return Free, nil
}

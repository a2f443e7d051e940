package roster

import (
	"errors"
	"maps"
	"slices"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
)

// Method is how a patient was identified.
type Method string

const (
	Scanned  Method = "scan"
	Typed    Method = "typed"
	Named    Method = "name"    // birth date and name; see FindByPerson
	Licensed Method = "licence" // likewise, as a driving licence says them
)

var (
	// ErrUnknown: no appointment has this code today, or more than one has.
	ErrUnknown = errors.New("no appointment has this code")
	// ErrCancelled: the code is genuine, and the appointment will not take place.
	ErrCancelled = errors.New("the appointment was cancelled")
	// ErrOtherDay: the code is genuine and for another day.
	ErrOtherDay = errors.New("the code is for another day")
)

// Find gives the appointment that a code stands for on a day. A scan may be one
// of our QR codes or the clinic's own code; a typed text one of our typed codes
// or the clinic's own. Every call does the same look-ups: those of every day held, so
// that a genuine code for another day is told from an unknown one.
func (r *Roster) Find(g Getter, method Method, value phi.Text, day kiosk.Day) (Appointment, error) {
	text := value.Reveal()
	if len(text) > 1024 {
		text = ""
	}
	ref, codeDay, scanErr := r.cfg.Codes.read(text)
	code := Normalize(text)
	typed, isTyped := CheckTyped(code)
	if method != Scanned {
		scanErr = errCode
	}
	var found []kiosk.AppointmentID
	for _, look := range []struct {
		counts bool
		key    string
	}{
		{scanErr == nil, refKey(ref)}, // the reference is of one day
		{method == Typed && isTyped, typedKey(typed)},
		{plainCode(code), ownKey(code)},
	} {
		ids, err := r.linked(g, day, look.key)
		if err != nil {
			return Appointment{}, err
		}
		if look.counts {
			found = append(found, ids...)
		}
	}
	otherDay, err := r.typedForOther(g, day, code)
	if err != nil {
		return Appointment{}, err
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) != 1 {
		found = []kiosk.AppointmentID{"none"} // read a row all the same
	}
	s, err := r.get(g, day, found[0])
	switch {
	case err != nil:
		return Appointment{}, err
	case s != nil && s.Row.Cancelled:
		return Appointment{}, ErrCancelled
	case s != nil:
		return fromShape(s.Row, s.Department, day), nil
	case scanErr == nil && codeDay != day, method == Typed && isTyped && otherDay:
		return Appointment{}, ErrOtherDay
	}
	return Appointment{}, ErrUnknown
}

// typedForOther reports whether a typed code is that of an appointment on another day
// that is held. The clinic's own codes are not looked for: they may mean something
// else on another day.
func (r *Roster) typedForOther(g Getter, day kiosk.Day, code string) (bool, error) {
	found := false
	for _, other := range slices.Sorted(maps.Keys(r.Days())) {
		if other == day {
			continue
		}
		ids, err := r.linked(g, other, typedKey(code))
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			s, err := r.live(g, other, id)
			if err != nil {
				return false, err
			}
			found = found || s != nil
		}
	}
	return found, nil
}

// Genuine reports whether a scan is one of the clinic's signed codes, of whatever
// day: nobody comes by one by guessing.
func (r *Roster) Genuine(method Method, value phi.Text) bool {
	if method != Scanned || len(value.Reveal()) > 1024 {
		return false
	}
	_, _, err := r.cfg.Codes.read(value.Reveal())
	return err == nil
}

// Appointment gives a day's appointment by its id.
func (r *Roster) Appointment(g Getter, day kiosk.Day, id kiosk.AppointmentID) (Appointment, bool, error) {
	s, err := r.live(g, day, id)
	if err != nil || s == nil {
		return Appointment{}, false, err
	}
	return fromShape(s.Row, s.Department, day), true, nil
}

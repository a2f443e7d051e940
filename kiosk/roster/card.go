package roster

import (
	"slices"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
)

// Carded: by the number of a contactless card and the date of birth; see
// FindByCard.
const Carded Method = "card"

// WantCard says what ReadCard reads.
const WantCard = "want a card's number of 4, 7, 8 or 10 bytes in hex, not one that begins with 08"

// ReadCard gives a card's number as it is compared: capital hex digits in the order
// in which the card sends them. Between two digits of a byte and the next there may
// be a colon, a hyphen or a space. Numbers of 4 bytes that begin with 08 are made
// anew at each tap (ISO/IEC 14443-3) and find nobody.
func ReadCard(s string) (string, bool) {
	s = strings.ToUpper(strings.NewReplacer(":", "", "-", "", " ", "").Replace(s))
	if !slices.Contains([]int{8, 14, 16, 20}, len(s)) || strings.Trim(s, "0123456789ABCDEF") != "" {
		return "", false
	}
	return s, len(s) != 8 || s[:2] != "08"
}

// FindByCard looks for the person whom a card belongs to, and who was born on a
// date, among a day's appointments. It gives what FindByPerson gives. A card that
// nobody has and another date of birth are one answer after the same look-ups. A
// card that the list gives to several who were born on that date is the desk's to
// find out.
func (r *Roster) FindByCard(g Getter, number, birth phi.Text, day kiosk.Day) (identity.Verdict, []Appointment, error) {
	ids, err := r.linked(g, day, cardKey(kiosk.NewCardRef(r.cfg.RefKey, number)))
	if err != nil {
		return identity.None, nil, err
	}
	if len(ids) == 0 {
		ids = []kiosk.AppointmentID{"none"} // read a row all the same
	}
	var found []Appointment
	for _, id := range ids {
		s, err := r.live(g, day, id)
		if err != nil {
			return identity.None, nil, err
		}
		if s == nil || number.IsZero() || s.Row.BirthDate == "" || !birth.Equal(phi.New(s.Row.BirthDate)) {
			continue
		}
		found = append(found, fromShape(s.Row, s.Department, day))
	}
	switch {
	case len(found) == 0:
		return identity.None, nil, nil
	case slices.ContainsFunc(found, func(a Appointment) bool { return a.Patient != found[0].Patient }):
		return identity.Desk, nil, nil
	}
	slices.SortFunc(found, byStart)
	return identity.One, found, nil
}

package aamva

import "time"

// order is how a date is written.
type order int

const (
	anyOrder  order = iota
	monthDay        // MMDDCCYY
	yearMonth       // CCYYMMDD
)

// order is that of a country's cards from version 3 on.
func (c Country) order() order {
	switch c {
	case USA:
		return monthDay
	case Canada, Mexico:
		return yearMonth
	}
	return anyOrder
}

// date reads eight digits and gives them as 2006-01-02.
//
// Version 1 says CCYYMMDD, version 2 MMDDCCYY, later ones leave it to the
// country, and cards of all of them have the other. It does not matter: no date
// can be read both ways, since years begin with 18 to 21 and months end with 12.
func date(s string, o order) (string, bool) {
	if len(s) != 8 || number(s) < 0 {
		return "", false
	}
	for _, form := range []struct {
		order
		layout string
	}{{monthDay, "01022006"}, {yearMonth, "20060102"}} {
		if t, err := time.Parse(form.layout, s); err == nil && t.Year() >= 1850 && t.Year() <= 2100 && (o == anyOrder || o == form.order) {
			return t.Format(time.DateOnly), true
		}
	}
	return "", false
}

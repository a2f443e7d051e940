package gateway

import (
	"clinicgate/gateway/config"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
)

// RosterRules gives what the rows of a list are checked against. c has been
// validated.
func RosterRules(c config.Config) roster.Rules {
	r := roster.Rules{
		Calendar:  kiosk.Calendar{Zone: c.Kiosk.Location(), DayStarts: c.Kiosk.DayStarts.Duration},
		Providers: map[kiosk.ProviderID]kiosk.DepartmentID{},
	}
	for _, d := range c.Departments {
		r.Departments = append(r.Departments, kiosk.DepartmentID(d.ID))
	}
	for _, p := range c.Providers {
		r.Providers[kiosk.ProviderID(p.ID)] = kiosk.DepartmentID(p.Department)
	}
	return r
}

// RosterMapping gives how the clinic's lists are to be read. c has been validated.
func RosterMapping(c config.Config) feed.Mapping {
	x := c.Roster
	m := feed.Mapping{
		Rules: RosterRules(c), Format: feed.Format(x.Format),
		Departments: typed[kiosk.DepartmentID](x.Departments), Providers: typed[kiosk.ProviderID](x.Providers),
		Statuses: typed[feed.Status](x.Statuses), Modes: typed[kiosk.Mode](x.Modes), Languages: x.Languages,
		Department: kiosk.DepartmentID(x.Department), PatientDigits: x.PatientIDs, AppointmentDigits: x.Appointments,
		Charset: feed.Charset(x.Charset), Delimiter: x.Delimiter, Skip: x.Skip, NoHeader: !x.Header,
		Dates: feed.DateOrder(x.Dates), Serials: feed.Serials(x.SerialDates),
		AppointmentID: feed.IDSource(x.AppointmentID), PatientSystem: x.PatientSystem, VisitSystem: x.VisitSystem, CodeSystem: x.CodeSystem,
	}
	if len(x.Columns) > 0 { // none: our own names
		m.Columns = x.Columns
	}
	return m
}

// typed gives a table of the config with the type of its values.
func typed[T ~string](table map[string]string) map[string]T {
	out := make(map[string]T, len(table))
	for word, value := range table {
		out[word] = T(value)
	}
	return out
}

package config

import (
	"fmt"
	"strings"
)

// Department is one department of the clinic.
type Department struct {
	ID    string            `toml:"id"`
	Name  map[string]string `toml:"name"`  // by language
	Where map[string]string `toml:"where"` // where a patient waits, by language

	Vitals []string `toml:"vitals"` // measured at check-in, beside what CheckIn names
}

// Provider is one doctor, nurse or other person who sees patients.
type Provider struct {
	ID         string `toml:"id"`
	Name       string `toml:"name"`
	Department string `toml:"department"`
	Room       string `toml:"room"`
}

const (
	maxDepartments = 100
	maxProviders   = 1000
	maxDevices     = 64
	maxNameLen     = 120
	maxRoomLen     = 20
)

func (c *Config) hasDepartment(id string) bool {
	for _, d := range c.Departments {
		if d.ID == id {
			return true
		}
	}
	return false
}

func (c *Config) departmentIDs() string {
	var ids []string
	for _, d := range c.Departments {
		ids = append(ids, d.ID)
	}
	if len(ids) == 0 {
		return "there is none yet"
	}
	return strings.Join(ids[:min(len(ids), 10)], ", ")
}

func validateClinic(c *Config, r *report) {
	switch n := len(c.Departments); {
	case n == 0:
		r.missing("department", "at least one [[department]] table")
	case n > maxDepartments:
		r.bad("department", itoa(n)+" tables", "at most 100", "")
		return
	}
	if n := len(c.Providers); n > maxProviders {
		r.bad("provider", itoa(n)+" tables", "at most 1000", "")
		return
	}
	seen := map[string]bool{}
	for i, d := range c.Departments {
		at := fmt.Sprintf("department[%d]", i+1)
		r.uniqueID(at+".id", d.ID, seen)
		if d.Name[c.Kiosk.Language()] == "" {
			r.missing(at+".name", fmt.Sprintf("the department's name in the first of kiosk.languages, such as { %s = \"Cardiology\" }", c.Kiosk.Language()))
		}
		r.texts(at+".name", d.Name)
		r.texts(at+".where", d.Where)
		r.vitals(at+".vitals", d.Vitals)
	}
	seen = map[string]bool{}
	for i, p := range c.Providers {
		at := fmt.Sprintf("provider[%d]", i+1)
		r.uniqueID(at+".id", p.ID, seen)
		if p.Name == "" {
			r.missing(at+".name", "the name that patients see")
		} else if !plainLine(p.Name, maxNameLen) {
			r.bad(at+".name", p.Name, "one line of at most 120 bytes", "")
		}
		if p.Department == "" {
			r.missing(at+".department", "the id of a [[department]]")
		} else if !c.hasDepartment(p.Department) {
			r.bad(at+".department", p.Department, "the id of a [[department]]: "+c.departmentIDs(), "")
		}
		if !plainLine(p.Room, maxRoomLen) {
			r.bad(at+".room", p.Room, "at most 20 bytes on one line", "it is shown on the board beside the number")
		}
	}
}

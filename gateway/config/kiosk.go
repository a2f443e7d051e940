package config

import (
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // the clinic's zone must resolve on a machine that has no zone files
)

// Kiosk says which kiosk this is and whose.
type Kiosk struct {
	ID           string    `toml:"id"`
	Letter       string    `toml:"letter"`
	Site         string    `toml:"site"`
	Organization string    `toml:"organization"`
	Clinic       string    `toml:"clinic"`
	Zone         string    `toml:"zone"`
	DayStarts    ClockTime `toml:"day_starts"`
	Languages    []string  `toml:"languages"`
	Departments  []string  `toml:"departments"`
}

// Location returns the clinic's time zone, from the embedded zone data where
// the machine has none. It is UTC for a Config that did not pass Validate.
func (k Kiosk) Location() *time.Location {
	if loc, err := loadZone(k.Zone); err == nil {
		return loc
	}
	return time.UTC
}

// Language returns the first language of the page, the one used where nobody
// has chosen yet.
func (k Kiosk) Language() string {
	if len(k.Languages) == 0 {
		return "en"
	}
	return k.Languages[0]
}

var (
	idForm       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	letterForm   = regexp.MustCompile(`^[A-Z]$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

const idAllowed = "1 to 40 of the characters A-Z a-z 0-9 _ -"

// reservedKiosk is the sender name of the clinic's server on the wire.
const reservedKiosk = "authority"

func (k Kiosk) validate(c *Config, r *report) {
	r.id("kiosk.id", k.ID, "a short name for this kiosk that no other kiosk of the clinic has, such as \"lobby-1\"")
	if k.ID == reservedKiosk {
		r.bad("kiosk.id", k.ID, "any id but \"authority\", which is the clinic's server", "")
	}
	if k.Letter == "" {
		r.missing("kiosk.letter", "one letter A-Z, different on each kiosk of the site: it begins the ticket numbers")
	} else if !letterForm.MatchString(k.Letter) {
		r.bad("kiosk.letter", k.Letter, "one letter A-Z", "it begins the ticket numbers, such as A-017")
	}
	r.id("kiosk.site", k.Site, "a short name for the building, such as \"main\"")
	r.id("kiosk.organization", k.Organization, "the clinic's id on PubNub channels, such as \"riverside\"")
	if !plainLine(k.Clinic, maxNameLen) {
		r.bad("kiosk.clinic", k.Clinic, "one line of at most 120 bytes", "")
	}
	if k.Zone == "" {
		r.missing("kiosk.zone", "the clinic's time zone, such as \"America/New_York\"")
	} else if _, err := loadZone(k.Zone); err != nil {
		r.bad("kiosk.zone", k.Zone, "an IANA time zone name", "such as \"America/New_York\" or \"Europe/Madrid\"")
	}
	if k.DayStarts.Duration > 12*time.Hour {
		r.bad("kiosk.day_starts", k.DayStarts.String(), "00:00 to 12:00", "the hour at which nobody is in the clinic, such as \"03:00\"")
	}
	if len(k.Languages) == 0 {
		r.missing("kiosk.languages", "at least one language, such as [\"en\"]")
	}
	seen := map[string]bool{}
	for _, l := range k.Languages {
		if !languageForm.MatchString(l) {
			r.bad("kiosk.languages", l, "language tags such as \"en\", \"es\" or \"zh-Hans\"", "")
		} else if seen[l] {
			r.bad("kiosk.languages", l, "each language once", "")
		}
		seen[l] = true
	}
	for _, d := range k.Departments {
		if !c.hasDepartment(d) {
			r.bad("kiosk.departments", d, "ids of [[department]] tables: "+c.departmentIDs(), "")
		}
	}
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || strings.EqualFold(name, "local") {
		// "Local" would be the machine's zone, which the day rules must never use.
		return nil, errZone
	}
	return time.LoadLocation(name)
}

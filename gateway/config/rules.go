package config

import (
	"fmt"
	"time"

	"clinicgate/devices/vitals"
)

const (
	maxHours   = 50
	maxReasons = 30
)

// CheckIn holds the limits of identifying a patient.
type CheckIn struct {
	Early         Duration `toml:"early"`
	Late          Duration `toml:"late"`
	MayCall       Duration `toml:"may_call"`
	Hours         []string `toml:"hours"`
	Devices       bool     `toml:"devices"`
	Attempts      int      `toml:"attempts"`
	WalkInReasons []string `toml:"walk_in_reasons"`
	Vitals        []string `toml:"vitals"`
}

// Opening gives the hours as they were validated.
func (c CheckIn) Opening() (hours []Opening) {
	for _, text := range c.Hours {
		if o, err := parseOpening(text); err == nil {
			hours = append(hours, o)
		}
	}
	return hours
}

// Queue holds the times of the queue's own rules.
type Queue struct {
	NoShowAfter Duration `toml:"no_show_after"`
	Grace       Duration `toml:"grace"`
	Visit       Duration `toml:"visit"`
}

// Consent says where the clinic's consent forms are.
type Consent struct {
	Forms string `toml:"forms"`
}

func (c CheckIn) validate(_ *Config, r *report) {
	r.between("checkin.early", c.Early, 0, 24*time.Hour)
	r.between("checkin.late", c.Late, 0, 24*time.Hour)
	r.between("checkin.may_call", c.MayCall, time.Minute, 4*time.Hour)
	if len(c.Hours) > maxHours {
		r.bad("checkin.hours", itoa(len(c.Hours))+" entries", "at most 50", "")
		return
	}
	for _, text := range c.Hours {
		if _, err := parseOpening(text); err != nil {
			r.bad("checkin.hours", text, `days and times, such as "mon-fri 08:00-18:00"`, "days are sun mon tue wed thu fri sat; times are HH:MM in the clinic's zone; past midnight is \"sat 20:00-02:00\"")
		}
	}
	if c.Attempts < 1 || c.Attempts > 20 {
		r.bad("checkin.attempts", itoa(c.Attempts), "1 to 20", "")
	}
	if n := len(c.WalkInReasons); n < 1 || n > maxReasons {
		r.bad("checkin.walk_in_reasons", itoa(n)+" codes", "1 to 30", "")
		return
	}
	seen := map[string]bool{}
	for i, code := range c.WalkInReasons {
		r.uniqueID(fmt.Sprintf("checkin.walk_in_reasons[%d]", i+1), code, seen)
	}
	r.vitals("checkin.vitals", c.Vitals)
}

// vitals checks a list of what is measured.
func (r *report) vitals(at string, list []string) {
	seen := map[string]bool{}
	for _, kind := range list {
		if !vitals.Kind(kind).Valid() || seen[kind] {
			r.bad(at, kind, oneOf(vitals.Kinds()...)+", each once", "")
		}
		seen[kind] = true
	}
}

func (q Queue) validate(_ *Config, r *report) {
	r.between("queue.no_show_after", q.NoShowAfter, 30*time.Second, 4*time.Hour)
	r.between("queue.grace", q.Grace, 0, 12*time.Hour)
	r.between("queue.visit", q.Visit, time.Minute, 4*time.Hour)
}

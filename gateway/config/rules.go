package config

import (
	"fmt"
	"time"
)

const maxReasons = 30

// CheckIn holds the limits of identifying a patient.
type CheckIn struct {
	Early         Duration `toml:"early"`
	Late          Duration `toml:"late"`
	Attempts      int      `toml:"attempts"`
	WalkInReasons []string `toml:"walk_in_reasons"`
}

// Queue holds the times of the queue's own rules.
type Queue struct {
	NoShowAfter Duration `toml:"no_show_after"`
	Grace       Duration `toml:"grace"`
}

// Consent says where the clinic's consent forms are.
type Consent struct {
	Forms string `toml:"forms"`
}

func (c CheckIn) validate(_ *Config, r *report) {
	r.between("checkin.early", c.Early, 0, 24*time.Hour)
	r.between("checkin.late", c.Late, 0, 24*time.Hour)
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
}

func (q Queue) validate(_ *Config, r *report) {
	r.between("queue.no_show_after", q.NoShowAfter, 30*time.Second, 4*time.Hour)
	r.between("queue.grace", q.Grace, 0, 12*time.Hour)
}

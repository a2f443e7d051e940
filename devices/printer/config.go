package printer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"clinicgate/devices"
)

// Config describes one printer. Zero fields other than ID and Address mean the
// default, which is in brackets.
type Config struct {
	ID       devices.ID
	Address  string // see ParseAddress
	Disabled bool   // configured, and not to be used

	Width    int    // dots of a line: 384 (paper of 58 mm) or 576 (80 mm) [576]
	CodePage string // the table of characters to use where it has all of a ticket, or picture to draw every ticket [pc858]
	Cut      Cut    // [partial]

	Baud int // of a serial line, bits a second [9600]

	Clinic string         // heads the ticket; may be empty
	Places []string       // the labels that a ticket may have as Where
	Zone   *time.Location // of the time on the ticket [UTC]
}

// Cut is what ends a ticket.
type Cut string

const (
	CutPartial Cut = "partial" // the ticket hangs by a corner until it is taken
	CutFull    Cut = "full"
	CutNone    Cut = "none" // there is no knife
)

// Picture is the code page of a printer that draws everything.
const Picture = "picture"

// The widths in dots: 203 to the inch.
const (
	narrow = 384
	wide   = 576
)

func (c Config) withDefaults() Config {
	if c.Width == 0 {
		c.Width = wide
	}
	if c.CodePage == "" {
		c.CodePage = "pc858"
	}
	if c.Cut == "" {
		c.Cut = CutPartial
	}
	if c.Baud == 0 {
		c.Baud = 9600
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return c
}

// Validate names every field that is wrong, and what is allowed.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	bad := func(field string, value any, allowed string) {
		errs = append(errs, fmt.Errorf("%s = %q: %s", field, fmt.Sprint(value), allowed))
	}
	if !c.ID.Valid() {
		bad("id", c.ID, "1 to 40 lower-case letters, digits and inner hyphens")
	}
	if _, err := ParseAddress(c.Address); err != nil {
		errs = append(errs, err)
	}
	if c.Width != narrow && c.Width != wide {
		bad("width", c.Width, "384 for paper of 58 mm, 576 for 80 mm")
	}
	if _, ok := codePages()[c.CodePage]; !ok && c.CodePage != Picture {
		bad("code page", c.CodePage, Picture+", "+strings.Join(codePageNames(), ", "))
	}
	if c.Cut != CutPartial && c.Cut != CutFull && c.Cut != CutNone {
		bad("cut", c.Cut, "partial, full or none")
	}
	if c.Baud < 300 || c.Baud > 4_000_000 {
		bad("baud", c.Baud, "300 to 4000000")
	}
	return errors.Join(errs...)
}

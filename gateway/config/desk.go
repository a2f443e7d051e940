package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Desk is the page by which staff see and call patients, on the clinic's network.
type Desk struct {
	Listen      string   `toml:"listen"`
	Hosts       []string `toml:"hosts"`
	Certificate string   `toml:"certificate"`
	Key         string   `toml:"key"`
	Idle        Duration `toml:"idle"`
}

// Staff is a person who may log in at the desk.
type Staff struct {
	ID    string      `toml:"id"`
	Name  string      `toml:"name"`
	Roles []StaffRole `toml:"roles"`
}

// StaffRole is what a person may do at the desk.
type StaffRole string

// The roles of staff.
const (
	StaffDesk StaffRole = "desk" // everything
	StaffHelp StaffRole = "help" // see the queue and answer calls for help
	StaffView StaffRole = "view" // see the queue
)

const (
	maxHosts = 16
	maxStaff = 500
)

// validHost accepts a name as a browser sends it, or an address as it is
// written shortest: the Host header is compared letter by letter.
func validHost(h string) bool {
	if ip, err := netip.ParseAddr(h); err == nil {
		return ip.String() == h && ip.Zone() == "" && !ip.IsUnspecified()
	}
	return len(h) <= 253 && hostForm.MatchString(h)
}

func (d Desk) validate(c *Config, r *report) {
	if d.Listen != "" {
		if _, _, err := splitListen(d.Listen); err != nil {
			r.bad("desk.listen", d.Listen, "empty, or address:port", "such as \"0.0.0.0:8472\" for the clinic's network")
		}
		if len(d.Hosts) == 0 {
			r.missing("desk.hosts", "the names or addresses by which the desk's computers reach this kiosk, such as [\"kiosk-1.clinic.example\", \"10.0.0.21\"]")
		}
		if len(c.Staff) == 0 {
			r.missing("staff", "at least one [[staff]] table, since nobody could log in at the desk")
		}
	}
	if len(d.Hosts) > maxHosts {
		r.bad("desk.hosts", itoa(len(d.Hosts))+" hosts", "at most 16", "")
	}
	for _, h := range d.Hosts {
		if !validHost(h) {
			r.bad("desk.hosts", h, "names in lower case and addresses, without port", "write what stands in the browser's address line between https:// and the port")
		}
	}
	if (d.Certificate == "") != (d.Key == "") {
		r.bad("desk.key", d.Key, "a certificate and its key, or neither", "leave both empty for a certificate that clinicgate makes itself")
	}
	r.between("desk.idle", d.Idle, time.Minute, 10*time.Minute)
}

func validateStaff(c *Config, r *report) {
	if n := len(c.Staff); n > maxStaff {
		r.bad("staff", itoa(n)+" tables", "at most 500", "")
		return
	}
	seen := map[string]bool{}
	for i, s := range c.Staff {
		at := fmt.Sprintf("staff[%d]", i+1)
		r.id(at+".id", s.ID, idAllowed)
		if folded := strings.ToLower(s.ID); s.ID != "" {
			if seen[folded] {
				r.bad(at+".id", s.ID, "an id that no table before it has", "capital and small letters are the same here")
			}
			seen[folded] = true
		}
		if s.Name == "" {
			r.missing(at+".name", "the name that the desk shows while this person is logged in")
		} else if !plainLine(s.Name, maxNameLen) {
			r.bad(at+".name", s.Name, "one line of at most 120 bytes", "")
		}
		if len(s.Roles) == 0 {
			r.missing(at+".roles", "at least one of "+oneOf(StaffDesk, StaffHelp, StaffView))
		}
		for _, role := range s.Roles {
			if !slices.Contains([]StaffRole{StaffDesk, StaffHelp, StaffView}, role) {
				r.bad(at+".roles", string(role), oneOf(StaffDesk, StaffHelp, StaffView), "")
			}
		}
	}
}

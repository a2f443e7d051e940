package config

import (
	"fmt"
	"strings"
)

// Control is the local control channel that the subcommands talk to.
type Control struct {
	Path  string `toml:"path"`
	Group string `toml:"group"`
	Roles Roles  `toml:"roles"`
}

// Roles says which accounts of the operating system have which role. The
// account that runs the service and the system's administrator are always
// admin.
type Roles struct {
	Admin        []Principal `toml:"admin"`
	Technician   []Principal `toml:"technician"`
	Desk         []Principal `toml:"desk"`
	KioskSession []Principal `toml:"kiosk_session"`
}

// Principal is one account or group of the operating system, written
// "user:NAME" or "group:NAME". On Windows NAME may be DOMAIN\name or a SID.
type Principal struct {
	Group bool
	Name  string
}

// UnmarshalText reads "user:NAME" or "group:NAME".
func (p *Principal) UnmarshalText(text []byte) error {
	kind, name, ok := strings.Cut(string(text), ":")
	if !ok || name == "" || len(name) > 256 || (kind != "user" && kind != "group") {
		return fmt.Errorf("%.80q is neither \"user:NAME\" nor \"group:NAME\"", text)
	}
	*p = Principal{Group: kind == "group", Name: name}
	return nil
}

// MarshalText gives the form that UnmarshalText reads.
func (p Principal) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String gives "user:NAME" or "group:NAME".
func (p Principal) String() string {
	if p.Group {
		return "group:" + p.Name
	}
	return "user:" + p.Name
}

// maxSocketPath is what the smallest sockaddr_un of our targets holds.
const maxSocketPath = 103

func (c Control) validate(_ *Config, r *report) {
	if c.Path == "" {
		r.missing("control.path", "such as \""+defaultControlPath+"\"")
	} else if !pipePathFits(c.Path) {
		r.bad("control.path", c.Path, `a pipe name that begins with \\.\pipe\`, "")
	}
}

// validateResolved checks what is known only once relative paths are resolved.
func (c Control) validateResolved(r *report) {
	if !isPipe(c.Path) && len(c.Path) > maxSocketPath {
		r.bad("control.path", c.Path, "at most 103 characters, the folder included", "the operating system allows no longer socket name; choose a shorter folder")
	}
}

func isPipe(path string) bool { return strings.HasPrefix(path, `\\.\pipe\`) }

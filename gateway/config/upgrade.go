package config

import (
	"fmt"
	"strings"

	"clinicgate/gateway/upgrade/signature"
)

// Upgrade says when other versions of the program are put in, and whose.
type Upgrade struct {
	Window Window   `toml:"window"`
	Keys   []string `toml:"keys"`
	Dir    string   `toml:"dir"`
}

// Window is a part of each day, by the clinic's clock, written "02:00-04:00". With To
// before From it goes over midnight.
type Window struct{ From, To ClockTime }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Window) UnmarshalText(text []byte) error {
	from, to, ok := strings.Cut(string(text), "-")
	if !ok || w.From.UnmarshalText([]byte(from)) != nil || w.To.UnmarshalText([]byte(to)) != nil || w.From == w.To {
		return fmt.Errorf("want a part of the day such as %q", "02:00-04:00")
	}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// String is "02:00-04:00".
func (w Window) String() string { return w.From.String() + "-" + w.To.String() }

func (u Upgrade) validate(_ *Config, r *report) {
	if u.Dir == "" {
		r.missing("upgrade.dir", "a folder that only administrators may write")
	}
	for i, k := range u.Keys {
		if _, err := signature.ParsePublic(k); err != nil {
			r.bad(fmt.Sprintf("upgrade.keys[%d]", i+1), k, "the line of base64 in a .pub file", "`make packages` says how a key is made")
		}
	}
}

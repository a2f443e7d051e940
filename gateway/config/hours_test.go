package config

import (
	"testing"
	"time"
)

func TestOpening(t *testing.T) {
	for s, want := range map[string]Opening{
		"mon-fri 08:00-18:00":     {[7]bool{false, true, true, true, true, true, false}, 8 * time.Hour, 18 * time.Hour},
		"Sat,Sun 20:00-02:00":     {[7]bool{true, false, false, false, false, false, true}, 20 * time.Hour, 2 * time.Hour},
		"sat-mon,wed 00:00-24:00": {[7]bool{true, true, false, true, false, false, true}, 0, 24 * time.Hour},
		" tue 09:30-12:15 ":       {[7]bool{2: true}, 9*time.Hour + 30*time.Minute, 12*time.Hour + 15*time.Minute},
	} {
		if o, err := parseOpening(s); err != nil || o != want {
			t.Errorf("%q is %+v, %v; want %+v", s, o, err, want)
		}
	}
}

func TestOpeningHoursRefused(t *testing.T) {
	for _, s := range []string{"", "mon", "08:00-18:00", "mon 8:00-18:00", "mon 08:00", "monday 08:00-18:00", "mon- 08:00-18:00",
		"mon 08:00-25:00", "mon 24:00-25:00", "mon 24:00-02:00", "mon 08:60-09:00", "mon,,tue 08:00-18:00", "mon 08:00-18:00 x"} {
		if o, err := parseOpening(s); err == nil {
			t.Errorf("%q was read as %+v", s, o)
		}
	}
}

func FuzzParseOpening(f *testing.F) {
	f.Add("mon-fri 08:00-18:00")
	f.Add("sat,sun 20:00-02:00")
	f.Add("sat-mon 00:00-24:00")
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOpening(s)
		if err != nil {
			return
		}
		if o.Days == [7]bool{} || o.From < 0 || o.From >= 24*time.Hour || o.To < 0 || o.To > 24*time.Hour {
			t.Fatalf("%q: %+v", s, o)
		}
	})
}

package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The types here are structs so that the TOML decoder cannot take a bare
// number for nanoseconds or bytes: a number without its unit is an error.

// Duration is a length of time, written with its unit: "90s", "5m", "1h30m".
type Duration struct{ time.Duration }

func seconds(n int) Duration { return Duration{time.Duration(n) * time.Second} }
func minutes(n int) Duration { return Duration{time.Duration(n) * time.Minute} }

// UnmarshalText reads a duration with its unit.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%.40q is not a length of time: write a number and a unit, such as \"90s\", \"5m\" or \"1h30m\"", text)
	}
	d.Duration = v
	return nil
}

// MarshalText gives the shortest form that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String gives "5m", not "5m0s".
func (d Duration) String() string {
	s := d.Duration.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Size is a number of bytes, written with its unit: "512KiB", "1GiB", "2GB".
type Size struct{ Bytes int64 }

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// UnmarshalText reads a size with its unit. Fractions are allowed: "1.5GiB".
func (s *Size) UnmarshalText(text []byte) error {
	v, ok := parseSize(string(text))
	if !ok {
		return fmt.Errorf("%.40q is not a size: write a number and a unit, such as \"64KiB\", \"512MiB\" or \"1GiB\"", text)
	}
	s.Bytes = v
	return nil
}

func parseSize(text string) (int64, bool) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v >= 0) || v*float64(u.bytes) >= math.MaxInt64 {
			return 0, false
		}
		return int64(v * float64(u.bytes)), true
	}
	return 0, false
}

// MarshalText gives the form that String gives.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String gives the largest binary unit that divides the size.
func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if s.Bytes != 0 && s.Bytes%u.bytes == 0 {
			return strconv.FormatInt(s.Bytes/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(s.Bytes, 10) + "B"
}

// ClockTime is a time of day in the clinic's zone, written "03:00". Duration is
// the time since midnight.
type ClockTime struct{ time.Duration }

func clock(hour, minute int) ClockTime {
	return ClockTime{time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute}
}

// UnmarshalText reads hours and minutes.
func (c *ClockTime) UnmarshalText(text []byte) error {
	t, err := time.Parse("15:04", string(text))
	if err != nil {
		return fmt.Errorf("%.40q is not a time of day: write \"HH:MM\", such as \"03:00\"", text)
	}
	*c = clock(t.Hour(), t.Minute())
	return nil
}

// MarshalText gives "HH:MM".
func (c ClockTime) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String gives "HH:MM".
func (c ClockTime) String() string {
	return fmt.Sprintf("%02d:%02d", int(c.Hours()), int(c.Minutes())%60)
}

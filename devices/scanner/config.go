package scanner

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.bug.st/serial"

	"clinicgate/devices"
)

// Config describes one scanner. Zero fields other than ID and Port mean the
// default, which is in brackets.
type Config struct {
	ID       devices.ID
	Mode     Mode   // [serial]
	Port     string // see devices.ParseIdentity; none with ByPage
	Disabled bool   // configured, and not to be used

	Baud     int    // bits a second, 300 to 4,000,000 [9600]; USB-CDC ignores it
	DataBits int    // 5 to 8 [8]
	Parity   string // none, even, odd, mark, space [none]
	StopBits int    // 1 or 2 [1]

	Prefix    string        // bytes that the scanner puts before each scan [none]
	Suffix    string        // see Framing.Suffix; also by name: auto, cr, lf, crlf, tab, etx, none [auto]
	IdleGap   time.Duration // silence that ends a scan without suffix, 10 ms to 2 s [80 ms; ByPage 35 ms, and the longest time between two keys of a scan]
	MaxLength int           // bytes of one scan, 16 to 65,536 [4096]
}

func (c Config) withDefaults() Config {
	c.Mode = or(c.Mode, Serial)
	if c.Mode == ByPage {
		c.IdleGap = or(c.IdleGap, pageGap)
	}
	c.Baud = or(c.Baud, 9600)
	c.DataBits = or(c.DataBits, 8)
	c.Parity = or(c.Parity, "none")
	c.StopBits = or(c.StopBits, 1)
	c.Suffix = or(c.Suffix, "auto")
	c.IdleGap = or(c.IdleGap, 80*time.Millisecond)
	c.MaxLength = or(c.MaxLength, 4096)
	return c
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Validate names every field that is wrong, and what is allowed.
func (c Config) Validate() error {
	given := c
	c = c.withDefaults()
	var errs []error
	bad := func(field string, value any, allowed string) {
		errs = append(errs, fmt.Errorf("%s = %q: %s", field, fmt.Sprint(value), allowed))
	}
	if !c.ID.Valid() {
		bad("id", c.ID, "1 to 40 lower-case letters, digits and inner hyphens")
	}
	switch c.Mode {
	case Serial, Keyboard, HIDPOS:
		if id, err := devices.ParseIdentity(c.Port); err != nil {
			errs = append(errs, err)
		} else if c.Mode != Serial && !strings.HasPrefix(id.Path, "/") && id.Path != "" {
			bad("port", c.Port, "a serial port has no mode "+string(c.Mode))
		}
	case ByPage:
		if c.Port != "" {
			bad("port", c.Port, "leave it out with mode = \"page\": the page hears every keyboard")
		}
	default:
		bad("mode", c.Mode, "serial, keyboard, hid-pos or page")
	}
	if line := (Config{Baud: given.Baud, DataBits: given.DataBits, Parity: given.Parity, StopBits: given.StopBits}); c.Mode != Serial && line != (Config{}) {
		bad("mode", c.Mode, "leave baud, data bits, parity and stop bits out, which only a serial line has")
	}
	if c.Mode == HIDPOS && given.Suffix != "" {
		bad("suffix", c.Suffix, "leave it out with mode = \"hid-pos\", which says itself where a scan ends")
	}
	if c.Baud < 300 || c.Baud > 4_000_000 {
		bad("baud", c.Baud, "300 to 4000000")
	}
	if c.DataBits < 5 || c.DataBits > 8 {
		bad("data bits", c.DataBits, "5 to 8")
	}
	if _, ok := parities()[c.Parity]; !ok {
		bad("parity", c.Parity, "none, even, odd, mark or space")
	}
	if c.StopBits != 1 && c.StopBits != 2 {
		bad("stop bits", c.StopBits, "1 or 2")
	}
	if len(c.Prefix) > 16 {
		bad("prefix", c.Prefix, "at most 16 bytes")
	}
	if _, ok := suffixBytes(c.Suffix); !ok {
		bad("suffix", c.Suffix, "auto, cr, lf, crlf, tab, etx, none, or up to 8 bytes that end each scan")
	}
	if c.IdleGap < 10*time.Millisecond || c.IdleGap > 2*time.Second {
		bad("idle gap", c.IdleGap, "10ms to 2s")
	}
	if c.MaxLength < 16 || c.MaxLength > 65536 {
		bad("max length", c.MaxLength, "16 to 65536 bytes")
	}
	return errors.Join(errs...)
}

// framing is what the Framer needs of a valid, defaulted config.
func (c Config) framing() Framing {
	suffix, _ := suffixBytes(c.Suffix)
	f := Framing{Prefix: c.Prefix, Suffix: suffix, IdleGap: c.IdleGap, MaxLength: c.MaxLength, Exact: c.Mode != Serial}
	switch c.Mode {
	case HIDPOS:
		f.Suffix = string(rune(etx)) // what posPort puts behind a scan
	case ByPage:
		if f.Suffix == SuffixAuto || strings.Trim(f.Suffix, "\r\n\t") == "" {
			f.Suffix = SuffixNone // the page has taken the key
		}
	}
	return f
}

// mode is the line setting of a valid, defaulted config. The modem lines are
// left as the system sets them: a pseudo-terminal has none to set.
func (c Config) mode() *serial.Mode {
	m := &serial.Mode{BaudRate: c.Baud, DataBits: c.DataBits, Parity: parities()[c.Parity], StopBits: serial.OneStopBit}
	if c.StopBits == 2 {
		m.StopBits = serial.TwoStopBits
	}
	return m
}

func parities() map[string]serial.Parity {
	return map[string]serial.Parity{
		"none": serial.NoParity, "even": serial.EvenParity, "odd": serial.OddParity,
		"mark": serial.MarkParity, "space": serial.SpaceParity,
	}
}

// suffixBytes turns a name into the bytes it stands for. What is no name is
// the bytes themselves.
func suffixBytes(s string) (suffix string, ok bool) {
	switch strings.ToLower(s) {
	case "auto":
		return SuffixAuto, true
	case "none":
		return SuffixNone, true
	case "cr":
		return "\r", true
	case "lf":
		return "\n", true
	case "crlf":
		return "\r\n", true
	case "tab":
		return "\t", true
	case "etx":
		return "\x03", true
	}
	return s, len(s) <= 8 && !strings.ContainsAny(s, "\x00\x02\xff") && strings.ToValidUTF8(s, "") == s
}

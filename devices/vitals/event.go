package vitals

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// MaxEvent is the size of the longest event, in bytes.
const MaxEvent = 2048

const maxSession = 64

// ErrEvent says that a text is not an event. It does not repeat the text.
var ErrEvent = errors.New("not an event of a vitals device; its form is in the description of devices/vitals")

// ParseEvent reads an event of a device of the gateway's own scheme. It is strict:
// no member twice, none that it does not know, each exactly as it is written in the
// package's description.
func ParseEvent(device devices.ID, text []byte) (Reading, error) {
	if len(text) > MaxEvent || !utf8.Valid(text) {
		return Reading{}, ErrEvent
	}
	r := Reading{Device: device}
	version := ""
	seen, err := members(text, func(name string, raw json.RawMessage) error {
		switch name {
		case "v":
			version = string(raw)
			return nil
		case "seq":
			return r.seq(string(raw))
		case "value":
			return number(raw, &r.Value)
		case "values":
			return r.values(raw)
		}
		var s string
		if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
			return ErrEvent
		}
		return r.word(name, s)
	})
	_, single := seen["value"]
	_, panel := seen["values"]
	if err != nil || version != "1" || r.ID == "" || r.At.IsZero() || r.Kind == "" || r.Unit == "" || single == panel {
		return Reading{}, ErrEvent
	}
	return r, nil
}

// word takes a member that is a text.
func (r *Reading) word(name, s string) error {
	switch name {
	case "id":
		if id, err := uuid.Parse(s); err != nil || len(s) != 36 || id == uuid.Nil {
			return ErrEvent
		}
		r.ID = s
	case "ts":
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return ErrEvent
		}
		r.At = at
	case "session":
		if len(s) == 0 || len(s) > maxSession {
			return ErrEvent
		}
		r.Session = s
	case "kind":
		r.Kind = Kind(s)
	case "unit":
		r.Unit = Unit(s)
	default:
		return ErrEvent
	}
	return nil
}

func (r *Reading) seq(raw string) error {
	n, err := strconv.ParseUint(raw, 10, 64)
	if err != nil || n > math.MaxInt64 {
		return ErrEvent
	}
	r.Seq = n
	return nil
}

func (r *Reading) values(raw json.RawMessage) error {
	r.Values = map[Kind]phi.Text{}
	_, err := members(raw, func(name string, raw json.RawMessage) error {
		var value phi.Text
		err := number(raw, &value)
		r.Values[Kind(name)] = value
		return err
	})
	return err
}

// number takes a decimal, as text or as a JSON number; it is judged by Measure.
func number(raw json.RawMessage, into *phi.Text) error {
	var s string
	switch c := raw[0]; {
	case c == '"':
		if err := json.Unmarshal(raw, &s); err != nil {
			return ErrEvent
		}
	case c == '-' || c >= '0' && c <= '9':
		s = string(raw)
	default:
		return ErrEvent
	}
	*into = phi.New(s)
	return nil
}

// members goes through an object, member by member, and refuses one that comes
// twice. (The standard decoder takes names in any case, and the last one of two.)
func members(text []byte, take func(name string, raw json.RawMessage) error) (seen map[string]bool, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, ErrEvent
	}
	seen = map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] {
			return nil, ErrEvent
		}
		seen[name] = true
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil || len(raw) == 0 {
			return nil, ErrEvent
		}
		if err := take(name, raw); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, ErrEvent
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, ErrEvent
	}
	return seen, nil
}

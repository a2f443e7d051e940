package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"clinicgate/kiosk/phi"
)

// The bounds of a message.
const (
	MaxPayload = 16 << 10
	maxDepth   = 16
	maxFacts   = 16
	maxName    = 64 // bytes of a device's name
	maxID      = 64
	maxNumber  = 24 // bytes of a decimal
)

// Fact is what a message says of a device.
type Fact struct {
	Device string // as its publisher names it
	Kind   Kind
	Word   string   // of press, presence, availability, firmware
	Number int      // of battery and link quality
	Value  phi.Text // of a vital sign: a decimal as it came
	Unit   string   // of it
	ID     string   // what makes a repeat known; may be empty
	At     time.Time
	// Session is what the kiosk said when it asked for a measurement.
	Session string
}

// The reasons for which a message is not read. None repeats it.
var (
	ErrTooLarge = fmt.Errorf("payload is larger than %d bytes", MaxPayload)
	ErrNotJSON  = errors.New("payload is not one JSON value of at most 16 levels")
	ErrNumber   = errors.New("value is not a number of the kind's range")
	ErrName     = errors.New("device has no name of 1 to 64 letters, digits, dots, blanks, _ - :")
)

var (
	nameForm    = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.: -]*$`)
	decimalForm = regexp.MustCompile(`^-?[0-9]{1,9}(\.[0-9]{1,9})?$`)
	versionForm = regexp.MustCompile(`^[vV]?[0-9][A-Za-z0-9._+-]{0,39}$`)
	idForm      = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)
)

// Read gives the facts of a message by all rules whose filter covers its topic.
// A message that the rules say nothing about has none. Facts that were made out
// are given beside the first error.
func Read(rules []Rule, topic string, payload []byte) (facts []Fact, err error) {
	var tree any
	parsed := false
	for _, r := range rules {
		if !Covers(r.Filter, topic) || len(facts) == maxFacts {
			continue
		}
		if len(payload) > MaxPayload {
			return nil, ErrTooLarge
		}
		if !parsed && r.needsJSON() {
			parsed = true
			if tree, err = parse(payload); err != nil && r.Path == "" {
				return facts, err
			}
		}
		f, ok, bad := r.read(tree, topic, payload)
		if bad != nil && err == nil {
			err = bad
		}
		if ok {
			facts = append(facts, f)
		}
	}
	if len(facts) > 0 && errors.Is(err, ErrNotJSON) {
		err = nil // plain text, and one of the rules takes it so
	}
	return facts, err
}

func (r Rule) needsJSON() bool {
	return r.Path != "" || r.DevicePath != "" || r.IDPath != "" || r.TimePath != "" || r.SessionPath != ""
}

func (r Rule) read(tree any, topic string, payload []byte) (f Fact, ok bool, err error) {
	f.Kind, f.Unit = r.Kind, r.Unit
	text := strings.TrimSpace(string(payload))
	if r.Path != "" {
		if text, ok = find(tree, r.Path); !ok {
			return f, false, nil
		}
	}
	if f.Device = r.device(tree, topic); f.Device == "" {
		return f, false, ErrName
	}
	switch {
	case r.Kind.Vital():
		if len(text) > maxNumber || !decimalForm.MatchString(text) {
			return f, false, ErrNumber
		}
		f.Value = phi.New(text)
	case r.Kind == Battery || r.Kind == LinkQuality:
		if f.Number, ok = whole(text, map[Kind]int{Battery: 100, LinkQuality: 255}[r.Kind]); !ok {
			return f, false, ErrNumber
		}
	case r.Kind == Firmware:
		if f.Word, ok = release(text); !ok {
			return f, false, nil
		}
	default:
		words := r.Words
		if len(words) == 0 {
			words = r.Kind.words()
		}
		if f.Word, ok = words[text]; !ok {
			return f, false, nil
		}
	}
	if id, ok := find(tree, r.IDPath); ok && idForm.MatchString(id) {
		f.ID = id
	}
	if session, ok := find(tree, r.SessionPath); ok && idForm.MatchString(session) {
		f.Session = session
	}
	if at, ok := find(tree, r.TimePath); ok {
		f.At = instant(at)
	}
	return f, true, nil
}

// device gives the name, or "".
func (r Rule) device(tree any, topic string) string {
	name := ""
	if r.DevicePath != "" {
		name, _ = find(tree, r.DevicePath)
	} else if levels := strings.Split(topic, "/"); r.DeviceLevel <= len(levels) {
		name = levels[r.DeviceLevel-1]
	}
	if len(name) > maxName || !nameForm.MatchString(name) {
		return ""
	}
	return name
}

// parse reads one JSON value, after its size and depth are known to be bounded.
func parse(payload []byte) (any, error) {
	if !utf8.Valid(payload) || depth(payload) > maxDepth {
		return nil, ErrNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return nil, ErrNotJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrNotJSON
	}
	return tree, nil
}

// depth is the deepest nesting of brackets outside of strings.
func depth(b []byte) (deepest int) {
	now, inside, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case inside:
			escaped, inside = c == '\\', c != '"'
		case c == '"':
			inside = true
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// find follows a path and gives the text of a scalar.
func find(tree any, path string) (string, bool) {
	if path == "" {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		switch t := tree.(type) {
		case map[string]any:
			next, ok := t[name]
			if !ok {
				return "", false
			}
			tree = next
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(t) {
				return "", false
			}
			tree = t[i]
		default:
			return "", false
		}
	}
	switch t := tree.(type) {
	case string:
		return t, true
	case json.Number:
		return t.String(), true
	case bool:
		return strconv.FormatBool(t), true
	}
	return "", false
}

// whole reads 0 to most; a fraction is cut.
func whole(text string, most int) (int, bool) {
	if !decimalForm.MatchString(text) {
		return 0, false
	}
	text, _, _ = strings.Cut(text, ".")
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= most
}

// release reads a version: it begins with a digit, as no name does. What follows in
// brackets, Tasmota's kind of build, is left out.
func release(text string) (string, bool) {
	text, _, _ = strings.Cut(text, "(")
	return text, versionForm.MatchString(text)
}

// instant reads RFC 3339, or seconds or milliseconds since 1970; the zero time
// for anything else.
func instant(text string) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= 0 || n > 1<<52:
		return time.Time{}
	case n > 1e11:
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}

// Masked tells a fact without what is about a person.
func (f Fact) Masked() string {
	said := f.Word
	switch {
	case f.Kind.Vital():
		said = "[phi] " + f.Unit
	case f.Kind == Battery || f.Kind == LinkQuality:
		said = strconv.Itoa(f.Number)
	}
	text := f.Device + ": " + string(f.Kind) + " " + said
	if f.ID != "" {
		text += ", repeats known by id"
	}
	if !f.At.IsZero() {
		text += ", at " + f.At.UTC().Format(time.RFC3339)
	}
	return text
}

package mqtt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is what a value says.
type Kind string

// The kinds that are not vital signs.
const (
	Press        Kind = "press"        // a button: Word is "press"
	Presence     Kind = "presence"     // Word is "present" or "absent"
	Availability Kind = "availability" // Word is "online" or "offline"
	Battery      Kind = "battery"      // Number is percent
	LinkQuality  Kind = "link-quality" // Number is 0 to 255, more is better
	Firmware     Kind = "firmware"     // Word is the version, such as "1.4.0"
)

// The words of facts.
const (
	WordPress   = "press"
	WordPresent = "present"
	WordAbsent  = "absent"
	WordOnline  = "online"
	WordOffline = "offline"
)

// vitalSigns are the kinds whose value is about a person, by the names that the
// clinic's own scheme has for them.
func vitalSigns() []Kind {
	return []Kind{"systolic", "diastolic", "heart-rate", "oxygen-saturation", "temperature", "weight", "height", "respiration"}
}

// Kinds lists every kind.
func Kinds() []Kind {
	return append([]Kind{Press, Presence, Availability, Battery, LinkQuality, Firmware}, vitalSigns()...)
}

// Vital reports whether a value of this kind is about a person.
func (k Kind) Vital() bool { return slices.Contains(vitalSigns(), k) }

// words gives what texts mean where a rule does not say.
func (k Kind) words() map[string]string {
	switch k {
	case Press:
		return map[string]string{"press": WordPress, "pressed": WordPress, "single": WordPress, "double": WordPress, "hold": WordPress, "long": WordPress, "true": WordPress, "ON": WordPress, "1": WordPress}
	case Presence:
		return map[string]string{"true": WordPresent, "ON": WordPresent, "on": WordPresent, "1": WordPresent, "false": WordAbsent, "OFF": WordAbsent, "off": WordAbsent, "0": WordAbsent}
	case Availability:
		return map[string]string{"online": WordOnline, "Online": WordOnline, "true": WordOnline, "1": WordOnline, "offline": WordOffline, "Offline": WordOffline, "false": WordOffline, "0": WordOffline}
	}
	return nil
}

// allowed lists the words that a rule's texts may mean.
func (k Kind) allowed() []string {
	switch k {
	case Press:
		return []string{WordPress}
	case Presence:
		return []string{WordPresent, WordAbsent}
	case Availability:
		return []string{WordOnline, WordOffline}
	}
	return nil
}

// Rule says where in a message a value is and what it means.
type Rule struct {
	Filter string // topics that it is for
	// DeviceLevel is the level of the topic that names the device, from 1;
	// DevicePath, where it is set instead, is the member of the payload that does.
	DeviceLevel int
	DevicePath  string
	// Path leads to the value in a JSON payload: names of members and numbers of
	// elements, with dots between. Empty: the payload itself is the value.
	Path  string
	Kind  Kind
	Unit  string            // UCUM code, of a vital sign
	Words map[string]string // texts and what they mean; empty: the usual ones of the kind
	// Paths to what makes a repeat known and to when it was; may be empty.
	IDPath, TimePath, SessionPath string
}

const (
	maxRules   = 64
	maxWords   = 32
	maxPath    = 120
	maxUnit    = 20
	maxWordLen = 64
)

var pathForm = regexp.MustCompile(`^[A-Za-z0-9_$-]{1,60}(\.[A-Za-z0-9_$-]{1,60}){0,7}$`)

// Validate gives everything that is wrong with the rule.
func (r Rule) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !ValidFilter(r.Filter) {
		bad("filter is not a topic filter: levels between slashes, + for one, # for the rest")
	}
	levels := strings.Split(r.Filter, "/")
	switch {
	case (r.DeviceLevel == 0) == (r.DevicePath == ""):
		bad("the device's name is either a level of the topic or a member of the payload: set device_level or device_path")
	case r.DeviceLevel < 0 || r.DeviceLevel > len(levels) && levels[len(levels)-1] != "#" || r.DeviceLevel > 16:
		bad("device_level: the filter has %d levels", len(levels))
	}
	for _, p := range []struct{ name, path string }{{"device_path", r.DevicePath}, {"path", r.Path}, {"id_path", r.IDPath}, {"time_path", r.TimePath}, {"session_path", r.SessionPath}} {
		if p.path != "" && (len(p.path) > maxPath || !pathForm.MatchString(p.path)) {
			bad("%s is not names with dots between, such as ENERGY.Power", p.name)
		}
	}
	if !slices.Contains(Kinds(), r.Kind) {
		bad("kind is none of %s", strings.Join(names(Kinds()), ", "))
	}
	if r.Kind.Vital() == (r.Unit == "") || len(r.Unit) > maxUnit {
		bad("unit is a UCUM code, needed for a vital sign and for nothing else")
	}
	if len(r.Words) > 0 && r.Kind.allowed() == nil || len(r.Words) > maxWords {
		bad("words are for press, presence and availability, at most %d", maxWords)
	}
	for text, word := range r.Words {
		if text == "" || len(text) > maxWordLen || r.Kind.allowed() != nil && !slices.Contains(r.Kind.allowed(), word) {
			bad("words: a text means one of %s", strings.Join(r.Kind.allowed(), ", "))
		}
	}
	return errors.Join(errs...)
}

func names(kinds []Kind) []string {
	list := make([]string, len(kinds))
	for i, k := range kinds {
		list[i] = string(k)
	}
	return list
}

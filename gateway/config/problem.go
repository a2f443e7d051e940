package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Problem is one thing that is wrong with a config file.
type Problem struct {
	Line    int    `json:"line,omitempty"`    // 1-based line in the file; 0 where no line is to blame
	Path    string `json:"key,omitempty"`     // key path, such as "kiosk.zone" or "provider[2].room"; tables count from 1
	Value   string `json:"value,omitempty"`   // the value found, never a secret; empty where none was set
	What    string `json:"what"`              // what is wrong with it, one clause
	Hint    string `json:"hint,omitempty"`    // what to do; may be empty
	Missing bool   `json:"missing,omitempty"` // the key is required and was not set
}

// Error gives the problem on one line, without the hint.
func (p Problem) Error() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		if p.Value != "" {
			b.WriteString(" = " + quote(p.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(p.What)
	return b.String()
}

// Problems is the error that [Load], [Parse] and [Config.Validate] return: everything that is
// wrong, at least one Problem.
type Problems []Problem

// Error gives one line per problem.
func (ps Problems) Error() string { return errors.Join(ps.Unwrap()...).Error() }

// Unwrap gives the single problems.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Paths gives the key paths, in order.
func (ps Problems) Paths() []string {
	paths := make([]string, len(ps))
	for i, p := range ps {
		paths[i] = p.Path
	}
	return paths
}

// Hint tells what to do about them.
func (ps Problems) Hint() string {
	if len(ps) == 1 && ps[0].Hint != "" {
		return ps[0].Hint
	}
	return "`clinicgate config check` explains every line of the file"
}

// report collects problems while a Config is checked.
type report struct{ problems Problems }

func (r *report) bad(path, value, allowed, hint string) {
	r.problems = append(r.problems, Problem{Path: path, Value: redact(value), What: "allowed: " + allowed, Hint: hint})
}

func (r *report) missing(path, needs string) {
	r.problems = append(r.problems, Problem{Path: path, What: "not set; it needs " + needs, Missing: true})
}

func (r *report) id(path, id, example string) {
	if id == "" {
		r.missing(path, example)
	} else if !idForm.MatchString(id) {
		r.bad(path, id, idAllowed, "")
	}
}

func (r *report) uniqueID(path, id string, seen map[string]bool) {
	r.id(path, id, idAllowed)
	if id != "" && seen[id] {
		r.bad(path, id, "an id that no table before it has", "")
	}
	seen[id] = true
}

func (r *report) between(path string, d Duration, low, high time.Duration) {
	if d.Duration < low || d.Duration > high {
		r.bad(path, d.String(), Duration{low}.String()+" to "+Duration{high}.String(), "")
	}
}

func (r *report) loopback(path, addr, why string) {
	host, _, err := splitListen(addr)
	if err != nil {
		r.bad(path, addr, "address:port", "such as \"127.0.0.1:8470\"")
	} else if !isLoopback(host) {
		r.bad(path, addr, "an address of this machine only: 127.0.0.1 or [::1]", why)
	}
}

func (r *report) texts(path string, byLanguage map[string]string) {
	for _, language := range slices.Sorted(maps.Keys(byLanguage)) {
		text := byLanguage[language]
		if !languageForm.MatchString(language) {
			r.bad(path, language, "language tags such as \"en\", \"es\" or \"zh-Hans\"", "")
		}
		if !plainLine(text, maxNameLen) {
			r.bad(path, text, "one line of at most 120 bytes", "")
		}
	}
}

// joined adds each part of an error that another package's Validate joined.
func (r *report) joined(path string, err error, hint string) {
	if err == nil {
		return
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		if parts := j.Unwrap(); err.Error() == errors.Join(parts...).Error() {
			for _, e := range parts {
				r.joined(path, e, hint)
			}
			return
		}
	}
	r.problems = append(r.problems, Problem{Path: path, What: redact(err.Error()), Hint: hint})
}

// plainLine reports whether s is one line of at most limit bytes without
// control characters.
func plainLine(s string, limit int) bool {
	return len(s) <= limit && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

const (
	secretKeyPrefix = "sec-c-"
	redacted        = "[redacted]"
)

// redact hides what somebody pasted into a key where it does not belong: the
// keyset's secret key, or a user and password inside an address. It also
// shortens what is too long to be read on a screen.
func redact(value string) string {
	if strings.Contains(value, secretKeyPrefix) {
		return redacted
	}
	if at := strings.LastIndexByte(value, '@'); at >= 0 {
		if scheme := strings.Index(value, "://"); scheme >= 0 && scheme < at {
			value = value[:scheme+3] + redacted + value[at:]
		}
	}
	if len(value) > 200 {
		value = strings.ToValidUTF8(value[:200], "") + "..."
	}
	return value
}

func oneOf[T ~string](values ...T) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	return strings.Join(quoted, ", ")
}

func itoa(n int) string { return strconv.Itoa(n) }

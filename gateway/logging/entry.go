package logging

import (
	"encoding"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is one line of the log.
type Entry struct {
	Seq       uint64 // in the order of this process, from 1
	Time      time.Time
	Level     slog.Level
	Component string
	Message   string
	Fields    []Field
}

// Field is a named value of a line, as text.
type Field struct{ Key, Value string }

const (
	maxFields = 32
	maxKey    = 64
	maxValue  = 2 << 10
	maxLine   = 8 << 10
)

// String gives the line as logfmt: time, level, component, msg and the fields.
func (e Entry) String() string {
	var b strings.Builder
	b.WriteString("time=")
	b.WriteString(e.Time.Format("2006-01-02T15:04:05.000Z07:00"))
	b.WriteString(" level=")
	b.WriteString(e.Level.String())
	e.rest(&b)
	return b.String()
}

// rest writes what a log that has its own time and level does not know.
func (e Entry) rest(b *strings.Builder) {
	pair(b, componentKey, e.Component)
	pair(b, "msg", e.Message)
	for _, f := range e.Fields {
		if b.Len() > maxLine {
			b.WriteString(" ...")
			return
		}
		pair(b, f.Key, f.Value)
	}
}

func pair(b *strings.Builder, key, value string) {
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	b.WriteString(bare(key))
	b.WriteByte('=')
	if plain(value) {
		b.WriteString(value)
	} else {
		b.WriteString(strconv.Quote(value))
	}
}

// plain reports whether a value needs no quotes.
func plain(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == '"' || r == '=' || r == utf8.RuneError || !strconv.IsPrint(r)
	})
}

// bare makes a key that cannot be taken for something else.
func bare(key string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '=' || r == '"' || !strconv.IsPrint(r) {
			return '_'
		}
		return r
	}, key)
}

// text writes a value, or of one that does not say how it is written, its type.
func text(v slog.Value) (s string) {
	defer func() {
		if p := recover(); p != nil {
			s = fmt.Sprintf("[%T broke]", v.Any())
		}
	}()
	switch v.Kind() {
	case slog.KindTime:
		return v.Time().Format(time.RFC3339Nano)
	case slog.KindAny:
		switch x := v.Any().(type) {
		case nil:
			return "<nil>"
		case error:
			return clean(x.Error(), maxValue)
		case fmt.Stringer:
			return clean(x.String(), maxValue)
		case encoding.TextMarshaler:
			t, err := x.MarshalText()
			if err != nil {
				return fmt.Sprintf("[%T]", x)
			}
			return clean(string(t), maxValue)
		case []string:
			return clean(strings.Join(x, ","), maxValue)
		default:
			return fmt.Sprintf("[%T]", x)
		}
	}
	return clean(v.String(), maxValue)
}

// What must not be in a line, by its form: PubNub's secret key and tokens (base64
// of a CBOR map that begins with its version), what stands behind a name that says
// so, user and password of an address, and keys in PEM.
var secrets = regexp.MustCompile(`sec-c-[\w-]+` +
	`|\b[pq][0-9A-Z]F2A[\w+/%=-]{16,}` +
	`|(?i:\b(?:auth|token|signature|password|passphrase|secret)=)[^\s&"]{6,}` +
	`|://[^\s/@]+@` +
	`|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*-----)?`)

// Redact cuts out of a text what has the form of a secret.
func Redact(s string) string {
	return secrets.ReplaceAllStringFunc(s, func(m string) string {
		if strings.HasPrefix(m, "://") {
			return "://[redacted]@"
		}
		if name, _, ok := strings.Cut(m, "="); ok && len(name) <= len("passphrase") && !strings.Contains(name, "F2A") {
			return name + "=[redacted]"
		}
		return "[redacted]"
	})
}

// clean redacts, bounds, and makes valid text.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit] + "..."
	}
	return strings.ToValidUTF8(Redact(s), "?")
}

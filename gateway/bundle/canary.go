package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"clinicgate/gateway/logging"
	"clinicgate/kiosk/phi"
)

// Kind is what a canary is, for the error.
type Kind string

// What is looked for.
const (
	Name        Kind = "a name"
	Birth       Kind = "a birth date"
	Appointment Kind = "an appointment"
	Code        Kind = "a code"
	Secret      Kind = "a key, token or password"
)

// Canaries are what must not be in a bundle. The zero Canaries know only what
// secrets look like. It never prints what it holds.
type Canaries struct {
	list   []canary
	heads  map[[headLen]byte][]int // beginnings, to canaries
	seen   map[string]bool
	today  time.Time
	people int
}

// canary is one form of one thing.
type canary struct {
	kind  Kind
	form  []byte
	whole bool // no letter or digit stands beside it
}

const (
	headLen = 4
	// What is shorter is met by chance: four letters, six of what may be a number.
	minName, minID, minSecret = 4, 6, 8
	// maxForms bounds the memory: some ten thousand people.
	maxForms = 1 << 20
)

// NewCanaries begins an empty list. now is the day of the newest log lines.
func NewCanaries(now time.Time) *Canaries {
	return &Canaries{heads: map[[headLen]byte][]int{}, seen: map[string]bool{}, today: now}
}

// Person adds the names of a person: each word of them, and the whole of them in
// both orders.
func (c *Canaries) Person(given, family phi.Text) {
	c.people++
	g, f := strings.TrimSpace(given.Reveal()), strings.TrimSpace(family.Reveal())
	for _, whole := range []string{g, f} {
		c.name(whole)
		for _, word := range strings.FieldsFunc(whole, func(r rune) bool { return r == ' ' || r == '-' || r == ',' }) {
			c.name(word)
		}
	}
	if g != "" && f != "" {
		for _, whole := range []string{g + " " + f, f + " " + g, f + ", " + g, f + "^" + g} {
			c.name(whole)
		}
	}
}

// name adds a name, written as it is and in capitals, and in small letters where
// that is long enough not to be a word of ours.
func (c *Canaries) name(s string) {
	n := utf8.RuneCountInString(s)
	if n < minName && (n < 2 || s[0] < utf8.RuneSelf) {
		return
	}
	forms := []string{s, strings.ToUpper(s)}
	if n >= 7 || s[0] >= utf8.RuneSelf {
		forms = append(forms, strings.ToLower(s))
	}
	for _, f := range forms {
		c.forms(Name, []byte(f), true)
	}
}

// Born adds a birth date, 2006-01-02, in the ways in which dates are written.
func (c *Canaries) Born(date phi.Text) {
	t, err := time.Parse(time.DateOnly, date.Reveal())
	if err != nil || c.today.Sub(t) < 366*24*time.Hour {
		return
	}
	for _, layout := range []string{time.DateOnly, "20060102", "02.01.2006", "2.1.2006", "01/02/2006", "02/01/2006", "1/2/2006", "2/1/2006", "01-02-2006", "02-01-2006", "01022006", "02012006"} {
		c.forms(Birth, []byte(t.Format(layout)), true)
	}
}

// Reference adds an id or a code of the clinic's.
func (c *Canaries) Reference(kind Kind, text phi.Text) {
	s := strings.TrimSpace(text.Reveal())
	if len(s) < minID {
		return
	}
	for _, f := range []string{s, strings.ToUpper(s), strings.ToLower(s)} {
		c.forms(kind, []byte(f), true)
	}
}

// Hidden adds a key, token or password.
func (c *Canaries) Hidden(value []byte) {
	if value = bytes.TrimSpace(value); len(value) >= minSecret {
		c.forms(Secret, value, false)
	}
}

// forms adds a value as text and in every code that text may be wrapped in.
func (c *Canaries) forms(kind Kind, v []byte, whole bool) {
	c.add(kind, v, whole)
	small := hex.EncodeToString(v)
	c.add(kind, []byte(small), false)
	c.add(kind, []byte(strings.ToUpper(small)), false)
	for shift := range 3 {
		// What base64 of a longer text has of it: the characters that only it decides.
		padded := append(make([]byte, shift, shift+len(v)), v...)
		for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := code.EncodeToString(padded)
			from, to := (shift*8+5)/6, (shift+len(v))*8/6
			if to-from >= 6 { // fewer are met by chance
				c.add(kind, []byte(text[from:to]), false)
			}
		}
	}
	if !utf8.Valid(v) {
		return
	}
	s := string(v)
	if e := url.QueryEscape(s); e != s {
		c.add(kind, []byte(e), false)
		c.add(kind, []byte(url.PathEscape(s)), false)
		c.add(kind, bytes.ToLower([]byte(e)), false)
	}
	if j, err := json.Marshal(s); err == nil {
		c.add(kind, j[1:len(j)-1], whole)
	}
	c.add(kind, []byte(escaped(s)), whole)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(s)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	c.add(kind, little, false)
	c.add(kind, big, false)
}

// escaped writes all that is not ASCII as \uXXXX.
func escaped(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		if u < 0x80 {
			b.WriteByte(byte(u))
		} else {
			b.WriteString(`\u` + hex.EncodeToString([]byte{byte(u >> 8), byte(u)}))
		}
	}
	return b.String()
}

func (c *Canaries) add(kind Kind, form []byte, whole bool) {
	if len(form) < headLen || len(c.list) >= maxForms || c.seen[string(form)] {
		return
	}
	c.seen[string(form)] = true
	head := [headLen]byte(form)
	c.heads[head] = append(c.heads[head], len(c.list))
	c.list = append(c.list, canary{kind, form, whole})
}

// Find looks for everything in a text, and for what secrets look like.
func (c *Canaries) Find(text []byte) (kind Kind, found bool) {
	for i := 0; i+headLen <= len(text); i++ {
		for _, n := range c.heads[[headLen]byte(text[i:])] {
			if a := c.list[n]; bytes.HasPrefix(text[i:], a.form) && (!a.whole || alone(text, i, i+len(a.form))) {
				return a.kind, true
			}
		}
	}
	if s := string(text); logging.Redact(s) != s {
		return Secret, true
	}
	return "", false
}

// alone reports whether no letter or digit is beside text[from:to].
func alone(text []byte, from, to int) bool {
	before, _ := utf8.DecodeLastRune(text[:from])
	after, _ := utf8.DecodeRune(text[to:])
	return !inWord(before) && !inWord(after)
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

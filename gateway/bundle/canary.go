package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
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

// Canaries are what must not be in a bundle. The sections are there before them, so
// that of what is added only those forms are kept of which every piece is somewhere in
// a section, and these until there are enough for a search: memory does not grow with
// the number of people, and nobody is left out. It never prints what it holds.
type Canaries struct {
	sections []section
	pieces   pieces
	batch    []canary
	heads    map[[headLen]byte][]int // beginnings, to those of the batch
	held     map[string]bool         // forms of the batch, to whether only whole words count
	today    time.Time
	people   int
	found    *Found // the first
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

	maxBatch = 1 << 13 // forms that are searched for at a time
)

// newCanaries begins a search of sections. now is the day of the newest log lines.
func newCanaries(now time.Time, sections []section) *Canaries {
	return &Canaries{sections: sections, pieces: piecesOf(sections), heads: map[[headLen]byte][]int{}, held: map[string]bool{}, today: now}
}

// Person adds the names of a person: each word of them, and given and family name in
// both orders.
func (c *Canaries) Person(given, family, native phi.Text) {
	c.people++
	g, f := strings.TrimSpace(given.Reveal()), strings.TrimSpace(family.Reveal())
	for _, whole := range []string{g, f, strings.TrimSpace(native.Reveal())} {
		c.name(whole)
		for _, word := range strings.FieldsFunc(whole, func(r rune) bool { return r == ' ' || r == '-' || r == ',' }) {
			if word != whole {
				c.name(word)
			}
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
	if c.found != nil || len(form) < headLen || !c.pieces.have(form) {
		return
	}
	if wholeOnly, held := c.held[string(form)]; held && (whole || !wholeOnly) {
		return
	}
	c.held[string(form)] = whole
	head := [headLen]byte(form)
	c.heads[head] = append(c.heads[head], len(c.batch))
	if c.batch = append(c.batch, canary{kind, form, whole}); len(c.batch) >= maxBatch {
		c.search()
	}
}

// search looks for the batch in all sections, and begins the next.
func (c *Canaries) search() {
	for _, s := range c.sections {
		if kind, found := c.in(s.text); found && c.found == nil {
			c.found = &Found{s.name, kind}
		}
	}
	c.batch = c.batch[:0]
	clear(c.heads)
	clear(c.held)
}

func (c *Canaries) in(text []byte) (kind Kind, found bool) {
	for i := 0; i+headLen <= len(text); i++ {
		for _, n := range c.heads[[headLen]byte(text[i:])] {
			if a := c.batch[n]; bytes.HasPrefix(text[i:], a.form) && (!a.whole || alone(text, i, i+len(a.form))) {
				return a.kind, true
			}
		}
	}
	return "", false
}

// result ends the search, with one for what secrets look like. It is nil where nothing
// was found.
func (c *Canaries) result() *Found {
	c.search()
	for _, s := range c.sections {
		if text := string(s.text); c.found == nil && logging.Redact(text) != text {
			c.found = &Found{s.name, Secret}
		}
	}
	return c.found
}

// pieces are all that is headLen bytes long in some text, as a set of bits. It may say
// that it has one which it has not, never the other way round.
type pieces struct {
	bits  []uint64
	shift int // from a hash of 32 bits to the number of a bit
}

func piecesOf(sections []section) pieces {
	size := 0
	for _, s := range sections {
		size += len(s.text)
	}
	n := min(max(10, bits.Len(uint(size))+3), 30) // at least eight bits for each piece
	p := pieces{make([]uint64, 1<<n/64), 32 - n}
	for _, s := range sections {
		for i := 0; i+headLen <= len(s.text); i++ {
			word, bit := p.at(s.text[i:])
			p.bits[word] |= bit
		}
	}
	return p
}

// have reports whether every piece of a form is in some text.
func (p pieces) have(form []byte) bool {
	for i := 0; i+headLen <= len(form); i++ {
		if word, bit := p.at(form[i:]); p.bits[word]&bit == 0 {
			return false
		}
	}
	return true
}

func (p pieces) at(text []byte) (word int, bit uint64) {
	hash := binary.LittleEndian.Uint32(text) * 2654435769 >> p.shift
	return int(hash / 64), 1 << (hash % 64)
}

// alone reports whether no letter or digit is beside text[from:to].
func alone(text []byte, from, to int) bool {
	before, _ := utf8.DecodeLastRune(text[:from])
	after, _ := utf8.DecodeRune(text[to:])
	return !inWord(before) && !inWord(after)
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

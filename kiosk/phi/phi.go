// Package phi holds values about a person that never print themselves.
//
// It promises that a Text reaches no log line, error, formatted string, JSON or
// text encoding by accident: every such path yields "[phi]". The value comes
// out only by Reveal, so one search for ".Reveal(" lists every place where the
// product shows or stores something about a person.
//
// A named string type was rejected: nested in a logged struct, through an
// unexported field under %+v, and under %#v it still prints its value. A
// pointer does not.
//
// It is a leaf: it imports nothing of ours, and any package may import it.
package phi

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[phi]"

// Text is a piece of text about a person. The zero Text is empty.
type Text struct{ v *string }

// New wraps s.
func New(s string) Text { return Text{&s} }

// Reveal returns the text. Call it only where the value is meant to be shown
// to its owner, matched, sealed or published in an encrypted message.
func (t Text) Reveal() string {
	if t.v == nil {
		return ""
	}
	return *t.v
}

// IsZero reports whether the text is empty.
func (t Text) IsZero() bool { return t.v == nil || *t.v == "" }

// Equal compares two texts in time that depends only on their lengths.
// (== would compare pointers.)
func (t Text) Equal(u Text) bool {
	return subtle.ConstantTimeCompare([]byte(t.Reveal()), []byte(u.Reveal())) == 1
}

// String gives "[phi]".
func (t Text) String() string { return redacted }

// Format gives "[phi]" for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[phi]".
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[phi]", so that encoding a struct that holds a Text
// cannot disclose it. Wire and storage forms are separate structs, filled by
// Reveal.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

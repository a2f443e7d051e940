package consent

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Method is how a decision was made. An electronic signature is a symbol or process
// with intent (15 USC 7006(5)), which each of the three is.
type Method string

const (
	Tapped Method = "tapped"
	Typed  Method = "typed" // the signer's name
	Drawn  Method = "drawn"
)

func (m Method) valid() bool { return m == Tapped || m == Typed || m == Drawn }

// metBy reports whether a grant given by got will do for a form that asks for m. A
// name will do for a drawing: whoever cannot draw a path must be able to sign (WCAG
// 2.5.1). What was not asked for is not taken.
func (m Method) metBy(got Method) bool { return got == m || m == Drawn && got == Typed }

var (
	// ErrSignature says that a decision has not the signature that its form asks for,
	// or one that was not asked for.
	ErrSignature = errors.New("the decision is not signed as its form asks for")
	// ErrMalformed says that something is no signature: too much of it, too little, or
	// something else. It does not repeat what it was.
	ErrMalformed = errors.New("this is no signature")
	// ErrElsewhere says that a signature is not held here: it was given at another
	// kiosk, or its time is over.
	ErrElsewhere = errors.New("the signature is not held on this kiosk")
)

// Bounds of a signature. A drawing's grid is two and a half times as wide as high.
const (
	DrawingWidth  = 1000
	DrawingHeight = 400
	MaxStrokes    = 60
	MaxPoints     = 1500
	minPoints     = 2 // a single touch is an accident
	maxSigned     = 60
)

// Signature is what a signer gave beside her tap: her name, or a drawing. The zero
// Signature is none. It never prints itself.
type Signature struct{ mark phi.Text } // as appendDrawing and 't' and the name

// Type makes a signature of the name that a signer typed.
func Type(name string) (Signature, error) {
	name = strings.Join(strings.Fields(name), " ")
	letter := strings.ContainsFunc(name, unicode.IsLetter)
	odd := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if !letter || odd || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxSigned {
		return Signature{}, ErrMalformed
	}
	return Signature{phi.New("t" + name)}, nil
}

// Draw makes a signature of strokes, each a list of x, y, x, y, ... on the grid.
func Draw(strokes [][]uint16) (Signature, error) {
	if len(strokes) == 0 || len(strokes) > MaxStrokes {
		return Signature{}, ErrMalformed
	}
	points := 0
	for _, s := range strokes {
		if points += len(s) / 2; len(s) == 0 || len(s)%2 != 0 || points > MaxPoints {
			return Signature{}, ErrMalformed
		}
		for i := 0; i < len(s); i += 2 {
			if s[i] > DrawingWidth || s[i+1] > DrawingHeight {
				return Signature{}, ErrMalformed
			}
		}
	}
	if points < minPoints {
		return Signature{}, ErrMalformed
	}
	return Signature{phi.New(string(appendDrawing([]byte{'d'}, strokes)))}, nil
}

// appendDrawing writes strokes: how many, then of each the number of points, then
// how far each point lies from the one before. A line of a pen takes two bytes a
// point.
func appendDrawing(b []byte, strokes [][]uint16) []byte {
	b = binary.AppendUvarint(b, uint64(len(strokes)))
	x, y := int64(0), int64(0)
	for _, s := range strokes {
		b = binary.AppendUvarint(b, uint64(len(s)/2))
		for i := 0; i < len(s); i += 2 {
			b = binary.AppendVarint(b, int64(s[i])-x)
			b = binary.AppendVarint(b, int64(s[i+1])-y)
			x, y = int64(s[i]), int64(s[i+1])
		}
	}
	return b
}

// parseDrawing reads what appendDrawing wrote, and nothing else.
func parseDrawing(b []byte) (strokes [][]uint16, err error) {
	whole := b
	number := func(read func([]byte) (int64, int), most int64) int64 {
		n, size := read(b)
		if size <= 0 || n > most || n < -most {
			err = ErrMalformed
			return 0
		}
		b = b[size:]
		return n
	}
	count := func(b []byte) (int64, int) { n, size := binary.Uvarint(b); return int64(n & (1<<62 - 1)), size }
	x, y := int64(0), int64(0)
	for range number(count, MaxStrokes) {
		var s []uint16
		for range number(count, MaxPoints) {
			x += number(binary.Varint, DrawingWidth)
			y += number(binary.Varint, DrawingHeight)
			if err != nil || x < 0 || y < 0 {
				return nil, ErrMalformed
			}
			s = append(s, uint16(x), uint16(y))
		}
		strokes = append(strokes, s)
	}
	if err == nil {
		_, err = Draw(strokes)
	}
	if err != nil || !bytes.Equal(appendDrawing(nil, strokes), whole) {
		return nil, ErrMalformed
	}
	return strokes, nil
}

// Method gives how the signature was given.
func (g Signature) Method() Method {
	switch mark := g.mark.Reveal(); {
	case mark == "":
		return Tapped
	case mark[0] == 'd':
		return Drawn
	}
	return Typed
}

// SVG draws the signature as a picture of its own, which names nothing outside it.
func (g Signature) SVG() phi.Text {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">`, DrawingWidth, DrawingHeight)
	mark := g.mark.Reveal()
	switch g.Method() {
	case Typed:
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" font-family="sans-serif" font-size="40">%s</text>`, DrawingWidth/2, DrawingHeight/2, html.EscapeString(mark[1:]))
	case Drawn:
		strokes, _ := parseDrawing([]byte(mark[1:]))
		b.WriteString(`<path fill="none" stroke="#000" stroke-width="5" stroke-linecap="round" stroke-linejoin="round" d="`)
		for _, s := range strokes {
			fmt.Fprintf(&b, "M%d %d", s[0], s[1])
			for i := 0; i < len(s); i += 2 { // the first point again: a dot is a line too
				fmt.Fprintf(&b, "L%d %d", s[i], s[i+1])
			}
		}
		b.WriteString(`"/>`)
	}
	b.WriteString("</svg>\n")
	return phi.New(b.String())
}

// What is kept of a signature:
//
//	form(1) | salt(16) | 't' name, or 'd' drawing
//
// Its SHA-256 is in the published record. The salt is random and never leaves the
// seal: the hash of a name alone could be guessed back.
const (
	keptForm = 1
	saltSize = 16
	// maxKept is what a signature takes at most: four bytes a point.
	maxKept = 1 + saltSize + 4*MaxPoints + 3*MaxStrokes
)

// keep makes the bytes to be sealed.
func (g Signature) keep() []byte {
	b := make([]byte, 1+saltSize, maxKept)
	b[0] = keptForm
	_, _ = rand.Read(b[1:]) // it does not fail
	return append(b, g.mark.Reveal()...)
}

// parseKept reads what keep made.
func parseKept(b []byte) (Signature, error) {
	if len(b) < 1+saltSize+1 || len(b) > maxKept || b[0] != keptForm {
		return Signature{}, ErrMalformed
	}
	mark := b[1+saltSize:]
	switch mark[0] {
	case 't':
		if g, err := Type(string(mark[1:])); err == nil && g.mark.Reveal() == string(mark) {
			return g, nil
		}
	case 'd':
		if _, err := parseDrawing(mark[1:]); err == nil {
			return Signature{phi.New(string(mark))}, nil
		}
	}
	return Signature{}, ErrMalformed
}

// keptSignature is the body of the local event.
type keptSignature struct {
	Record    uuid.UUID `json:"record"`
	Signature []byte    `json:"signature"`
}

func signatureID(record uuid.UUID) uuid.UUID { return kiosk.DeriveID(record, "signature") }

// sign seals a signature in the transaction of the record that it belongs to, and
// gives what the record says of it.
func sign(tx *storage.Tx, record uuid.UUID, g Signature) (*kiosk.SignatureShape, error) {
	kept := g.keep()
	sum := sha256.Sum256(kept)
	body, err := json.Marshal(keptSignature{record, kept})
	if err != nil {
		return nil, fmt.Errorf("cannot encode signature: %w", err)
	}
	e := storage.Event{ID: signatureID(record), Channel: kiosk.SignatureStream, Kind: kiosk.SignatureKind, Body: body}
	if _, err := tx.Append(e); err != nil {
		return nil, fmt.Errorf("cannot keep signature: %w", err)
	}
	return &kiosk.SignatureShape{SHA256: hex.EncodeToString(sum[:]), Size: len(kept)}, nil
}

// Signature gives the signature of a record, checked against the hash and size that
// were published. The error is ErrSignature where the record has none, ErrElsewhere
// where it is not held here, and storage.ErrUnreadable where it is not the one that
// was given.
func (s *Service) Signature(ctx context.Context, store *storage.Store, rec Record) (Signature, error) {
	want := rec.ConsentShape.Signature
	if want == nil {
		return Signature{}, ErrSignature
	}
	var at storage.Receipt
	var there bool
	err := store.View(ctx, func(r *storage.Reader) error { at, there = r.Lookup(signatureID(rec.ID)); return nil })
	if err == nil && !there {
		err = ErrElsewhere
	}
	if err != nil {
		return Signature{}, err
	}
	list, err := store.Read(ctx, kiosk.SignatureStream, "", storage.Cursor{Inc: at.Inc, Seq: at.Seq - 1}, 1)
	switch {
	case err != nil:
		return Signature{}, fmt.Errorf("cannot read signature: %w", err)
	case len(list) == 0 || list[0].ID != signatureID(rec.ID):
		return Signature{}, ErrElsewhere
	}
	var kept keptSignature
	if json.Unmarshal(list[0].Body, &kept) == nil {
		sum := sha256.Sum256(kept.Signature)
		g, err := parseKept(kept.Signature)
		if err == nil && hex.EncodeToString(sum[:]) == want.SHA256 && len(kept.Signature) == want.Size && string(g.Method()) == rec.Method {
			return g, nil
		}
	}
	return Signature{}, fmt.Errorf("signature of %s: %w", rec.ID, storage.ErrUnreadable)
}

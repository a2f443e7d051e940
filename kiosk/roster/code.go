package roster

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// An appointment's QR code is
//
//	"CHK1:" base32( version(1) site(4) day(2) reference(16) Ed25519 signature(64) )
//
// in characters that a QR code packs densely. site is the beginning of a hash of
// the site's name, day counts from 1 January 2000, reference is a keyed hash of
// the appointment and the day. The signature is over "clinicgate/appointment/1",
// a line feed, and what stands before it.
const (
	qrPrefix  = "CHK1:"
	qrVersion = 1
	qrSigned  = 1 + 4 + 2 + refSize
	refSize   = 16
	signedAs  = "clinicgate/appointment/1\n"
)

var (
	qrEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)
	firstDay   = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
)

type reference [refSize]byte

func newReference(refKey []byte, id kiosk.AppointmentID, day kiosk.Day) reference {
	return reference(appointmentHash(refKey, "reference", id, day)[:refSize])
}

func appointmentHash(refKey []byte, use string, id kiosk.AppointmentID, day kiosk.Day) []byte {
	h := hmac.New(sha256.New, refKey)
	fmt.Fprintf(h, "clinicgate/appointment-%s/1\n%d:%s\n%s", use, len(id), id, day)
	return h.Sum(nil)
}

func siteMark(site string) [4]byte {
	sum := sha256.Sum256([]byte("clinicgate/site/1\n" + site))
	return [4]byte(sum[:4])
}

// Maker makes the codes of appointments. It needs the clinic's private key,
// which is not on a kiosk.
type Maker struct {
	Site   string
	RefKey []byte // the clinic's reference key
	Key    ed25519.PrivateKey
}

// QR gives the text of an appointment's QR code.
func (m Maker) QR(id kiosk.AppointmentID, day kiosk.Day) (string, error) {
	n, err := dayNumber(day)
	if err != nil {
		return "", err
	}
	site, ref := siteMark(m.Site), newReference(m.RefKey, id, day)
	b := append([]byte{qrVersion}, site[:]...)
	b = binary.BigEndian.AppendUint16(b, n)
	b = append(b, ref[:]...)
	b = append(b, ed25519.Sign(m.Key, append([]byte(signedAs), b...))...)
	return qrPrefix + qrEncoding.EncodeToString(b), nil
}

// WriteCodes writes the codes of appointments as CSV: appointment_id, qr, typed.
// The typed code is the clinic's own where it has one.
func (m Maker) WriteCodes(w io.Writer, list []Appointment) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"appointment_id", "qr", "typed"}) // the writer keeps its first error
	for _, a := range list {
		qr, err := m.QR(a.ID, a.Day)
		if err != nil {
			return err
		}
		typed := a.Code.Reveal()
		if typed == "" {
			typed = Display(TypedCode(m.RefKey, a.ID, a.Day))
		}
		_ = out.Write([]string{string(a.ID), qr, typed})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("cannot write codes: %w", err)
	}
	return nil
}

// Checker verifies the codes of a site.
type Checker struct {
	Site string
	Key  ed25519.PublicKey
}

var errCode = errors.New("not a code of this clinic")

// read takes a QR text apart. The signature is computed whatever else is wrong,
// so that the time it takes tells nothing.
func (c Checker) read(text string) (reference, kiosk.Day, error) {
	b := make([]byte, 0, qrSigned+ed25519.SignatureSize)
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), qrPrefix)
	if raw, err := qrEncoding.DecodeString(rest); err == nil && len(raw) == cap(b) {
		b = raw
	} else {
		b, ok = b[:cap(b)], false
	}
	verified := len(c.Key) == ed25519.PublicKeySize && ed25519.Verify(c.Key, append([]byte(signedAs), b[:qrSigned]...), b[qrSigned:])
	site := siteMark(c.Site)
	if !ok || !verified || b[0] != qrVersion || [4]byte(b[1:5]) != site {
		return reference{}, "", errCode
	}
	day := kiosk.Day(firstDay.AddDate(0, 0, int(binary.BigEndian.Uint16(b[5:]))).Format(time.DateOnly))
	return reference(b[7:]), day, nil
}

func dayNumber(day kiosk.Day) (uint16, error) {
	t, err := time.Parse(time.DateOnly, string(day))
	if err != nil {
		return 0, errors.New("not a clinic day")
	}
	n := int(t.Sub(firstDay).Hours() / 24)
	if n < 0 || n > 1<<16-1 {
		return 0, errors.New("clinic day is outside what a code can hold")
	}
	return uint16(n), nil
}

// typedAlphabet leaves out what is mistaken for something else: 0 1 B D G I L O
// Q S U V Z. Its size is a prime, so that one check character finds every single
// wrong character and every swap of two neighbours.
const typedAlphabet = "23456789ACEFHJKMNPRTWXY"

const typedLen = 8 // the last is the check character

// TypedCode gives the code that a patient types: 31 bits that only who holds the
// reference key can tell from others, and a check character.
func TypedCode(refKey []byte, id kiosk.AppointmentID, day kiosk.Day) string {
	n := binary.BigEndian.Uint64(appointmentHash(refKey, "typed", id, day))
	var b [typedLen]byte
	sum := 0
	for i := range typedLen - 1 {
		v := int(n % uint64(len(typedAlphabet)))
		n /= uint64(len(typedAlphabet))
		b[i] = typedAlphabet[v]
		sum += (i + 1) * v
	}
	for v := range len(typedAlphabet) {
		if (sum+typedLen*v)%len(typedAlphabet) == 0 {
			b[typedLen-1] = typedAlphabet[v]
		}
	}
	return string(b[:])
}

// Display gives a typed code as it is printed, in two groups.
func Display(code string) string {
	if len(code) != typedLen {
		return code
	}
	return code[:4] + "-" + code[4:]
}

// Normalize gives a typed code as it is compared: capital letters and digits
// alone.
func Normalize(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		case r >= '０' && r <= '９': // full width, as some keyboards give them
			return r - '０' + '0'
		}
		return -1
	}, s)
}

// lookAlike reads what cannot be in one of our codes as what was meant.
var lookAlike = strings.NewReplacer("B", "8", "G", "6", "S", "5", "Z", "2")

// CheckTyped reports whether a normalised text can be one of our typed codes,
// and gives it with look-alikes resolved.
func CheckTyped(s string) (string, bool) {
	s = lookAlike.Replace(s)
	if len(s) != typedLen {
		return "", false
	}
	sum := 0
	for i := range typedLen {
		v := strings.IndexByte(typedAlphabet, s[i])
		if v < 0 {
			return "", false
		}
		sum += (i + 1) * v
	}
	return s, sum%len(typedAlphabet) == 0
}

func plainCode(s string) bool { return len(s) >= 4 && len(s) <= maxCode }

package scanner

import (
	"bytes"

	"clinicgate/devices"
)

// Kind is what a scan is, by its content and, for GS1, by how it was printed.
// It is the Kind of the scanner's readings.
type Kind string

const (
	AppointmentCode Kind = "appointment-code"  // CHK1: ...; whether it is genuine, others check
	TicketCode      Kind = "ticket-code"       // TKT1: ...
	Licence         Kind = "driving-licence"   // AAMVA, as on North American licences
	HealthCard      Kind = "smart-health-card" // shc:/ ...
	HealthLink      Kind = "smart-health-link" // shlink:/ ...; recognised, never fetched
	GS1             Kind = "gs1"               // element strings of GS1, as on goods and wristbands
	MagneticStripe  Kind = "magnetic-stripe"   // track data of a card that is no payment card
	PaymentCard     Kind = "payment-card"      // refused
	Unknown         Kind = "unknown"           // perhaps a code of the clinic's own
)

// Prefixes of this product's own codes.
const (
	AppointmentPrefix = "CHK1:"
	TicketPrefix      = "TKT1:"
)

// Classify says what a scan is; the first rule that fits decides:
//
//	"@", and "ANSI " or "AAMVA" with an issuer's number in the first 40 bytes
//	                                       Licence
//	the number of a payment card anywhere  PaymentCard
//	shc:/                                  HealthCard
//	shlink:/, also after a viewer's #      HealthLink
//	CHK1: / TKT1:                          AppointmentCode / TicketCode
//	a GS1 symbology, or FNC1 in front, and element strings
//	                                       GS1
//	%...^, or ;...=...?                    MagneticStripe
//
// A licence comes before the payment card, because its own numbers can look
// like one. symbology is that of Frame, and may be empty. It is a pure function
// of its arguments, which may be anything, and the only one in this package
// that knows what a content means.
func Classify(scan []byte, symbology string) Kind {
	switch {
	case len(scan) == 0:
		return Unknown
	case isLicence(scan):
		return Licence
	case holdsPaymentCard(scan):
		return PaymentCard
	case hasScheme(scan, "shc:/"):
		return HealthCard
	case hasScheme(scan, "shlink:/") || bytes.Contains(scan, []byte("#shlink:/")):
		return HealthLink
	case isCode(scan, AppointmentPrefix):
		return AppointmentCode
	case isCode(scan, TicketPrefix):
		return TicketCode
	case (carriesGS1(symbology) || scan[0] == fnc1) && isElementString(scan):
		return GS1
	case isMagneticStripe(scan):
		return MagneticStripe
	}
	return Unknown
}

// Judge says what becomes of a frame. Whichever way a scan came, this decides
// and nothing else does; only with devices.Good may its data be kept.
func Judge(f Frame) (kind Kind, verdict devices.Verdict, reason string) {
	if f.Damage != "" {
		return Unknown, devices.Damaged, f.Damage
	}
	if kind = Classify(f.Data, f.Symbology); kind == PaymentCard {
		return kind, devices.Refused, "payment cards are not taken"
	}
	return kind, devices.Good, ""
}

// isLicence follows the AAMVA DL/ID card design standard, annex D: a header of
// "@", control characters, a file type and a six-digit issuer. Keyboard-like
// scanners lose the control characters, so they are not asked for.
func isLicence(scan []byte) bool {
	if len(scan) == 0 || scan[0] != '@' {
		return false
	}
	for _, fileType := range []string{"ANSI ", "AAMVA"} {
		head, rest, ok := bytes.Cut(scan, []byte(fileType))
		if ok && len(head)+len(fileType) <= 40 && leadingDigits(bytes.TrimLeft(rest, " ")) >= 6 {
			return true
		}
	}
	return false
}

func leadingDigits(b []byte) int {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	return n
}

// hasScheme compares without regard to case: a QR code in alphanumeric mode
// has capitals only.
func hasScheme(scan []byte, scheme string) bool {
	return len(scan) > len(scheme) && bytes.EqualFold(scan[:len(scheme)], []byte(scheme))
}

// isCode reports whether scan is the prefix and printable ASCII without
// spaces, as all of this product's codes are.
func isCode(scan []byte, prefix string) bool {
	code, ok := bytes.CutPrefix(scan, []byte(prefix))
	if !ok || len(code) == 0 {
		return false
	}
	for _, c := range code {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isMagneticStripe follows ISO/IEC 7813: track 1 is %...^...^...?, tracks 2
// and 3 are ;...=...?.
func isMagneticStripe(scan []byte) bool {
	switch {
	case len(scan) == 0:
		return false
	case scan[0] == '%':
		return bytes.IndexByte(scan, '^') > 0
	case scan[0] == ';':
		_, after, ok := bytes.Cut(scan, []byte("="))
		return ok && bytes.IndexByte(after, '?') >= 0
	}
	return false
}

package scanner_test

import (
	"strings"
	"testing"

	"clinicgate/devices/scanner"
)

// The card numbers here are the payment networks' published test numbers.
var classified = []struct {
	scan string
	want scanner.Kind
}{
	{"CHK1:MFRGGZDFMZTWQ2LK", scanner.AppointmentCode},
	{"CHK1:", scanner.Unknown},
	{"chk1:MFRGG", scanner.Unknown},
	{"xCHK1:MFRGG", scanner.Unknown},
	{"CHK1:A B", scanner.Unknown},
	{"CHK1:A\nB", scanner.Unknown},
	{"CHK1:<script>", scanner.AppointmentCode}, // printable; its maker's signature is what counts
	{"TKT1:MFRGGZDFMZTWQ2LKNNWG23TPOA", scanner.TicketCode},
	{"TKT1:\x1b[2J", scanner.Unknown},

	{licence, scanner.Licence},
	{"@ANSI 636000100002DL", scanner.Licence},
	{"@\n\x1e\rAAMVA6360000102DL", scanner.Licence},
	{"@\n\x1e\rANSI 6360001000041111111111111112DL", scanner.Licence},
	{"@ANSI", scanner.Unknown},
	{"@ANSI Norm 636000", scanner.Unknown},
	{"ANSI 636000100002DL", scanner.Unknown},
	{"@" + strings.Repeat(" ", 40) + "ANSI 636000100002DL", scanner.Unknown},

	{"shc:/" + strings.Repeat("56762909524320603460", 60), scanner.HealthCard},
	{"SHC:/5676", scanner.HealthCard},
	{"shc:/", scanner.Unknown},
	{"shlink:/eyJ1cmwiOiJodHRwczovL2V4YW1wbGUub3JnIn0", scanner.HealthLink},
	{"https://viewer.example/#shlink:/eyJ1cmwi", scanner.HealthLink},
	{"https://viewer.example/shlink:/eyJ1cmwi", scanner.Unknown},

	{"%B8084001234567899^SAMPLE/ANNA^2512101?", scanner.MagneticStripe},
	{";8084001234567899=2512101?", scanner.MagneticStripe},
	{";6360001234567898=2512101?", scanner.MagneticStripe}, // a licence's
	{"%E?", scanner.Unknown},
	{";E?", scanner.Unknown},

	{"4111111111111111", scanner.PaymentCard},
	{"4111 1111 1111 1111", scanner.PaymentCard},
	{"4111-1111-1111-1111 12/30", scanner.PaymentCard},
	{"4111 1111 1111 1111 1230 123", scanner.PaymentCard},
	{"1230 4111 1111 1111 1111", scanner.PaymentCard},
	{"378282246310005", scanner.PaymentCard},
	{"3056 9309 0259 04", scanner.PaymentCard},
	{"6011111111111117", scanner.PaymentCard},
	{"3530111333300000", scanner.PaymentCard},
	{"5555555555554444", scanner.PaymentCard},
	{"2223003122003222", scanner.PaymentCard},
	{"6200000000000005", scanner.PaymentCard},
	{"%B4111111111111111^SAMPLE/ANNA^2512101?", scanner.PaymentCard},
	{";4111111111111111=25121010000012300000?", scanner.PaymentCard},
	{"+4111111111111111=25121010000012300000?", scanner.PaymentCard},
	{"CHK1:4111111111111111", scanner.PaymentCard},
	{"card\x1d5555555555554444\x1dend", scanner.PaymentCard},
	{"4111111111111112", scanner.Unknown},     // wrong check digit
	{"41111111111111110000", scanner.Unknown}, // 20 digits
	{"9111111111111110", scanner.Unknown},     // no bank
	{"4111  1111  1111  1111", scanner.Unknown},

	{"", scanner.Unknown},
	{"A12345", scanner.Unknown},
	{"javascript:alert(1)", scanner.Unknown},
	{"\x00\xff\xfe", scanner.Unknown},
}

func TestClassify(t *testing.T) {
	for _, tt := range classified {
		if got := scanner.Classify([]byte(tt.scan), ""); got != tt.want {
			t.Errorf("Classify(%.50q) = %s, want %s", tt.scan, got, tt.want)
		}
	}
}

// The element strings are examples of the GS1 General Specifications, and of
// what is none.
func TestClassifyGS1(t *testing.T) {
	const strings1 = "0109521234543213" + "17251231" + "10ABC123" + "\x1d" + "21S/N-42"
	for _, tt := range []struct {
		symbology, scan string
		want            scanner.Kind
	}{
		{"C1", strings1, scanner.GS1},
		{"d2", "\x1d" + strings1, scanner.GS1},
		{"Q3", strings1, scanner.GS1},
		{"e0", "0109521234543213", scanner.GS1},
		{"C1", "8018095200000000000010", scanner.GS1}, // a patient's wristband (GSRN)
		{"C1", "3103000195\x1d", scanner.GS1},
		{"", "\x1d" + strings1, scanner.GS1},
		{"", strings1, scanner.Unknown}, // only digits and letters: perhaps the clinic's own
		{"C0", strings1, scanner.Unknown},
		{"Q1", strings1, scanner.Unknown},
		{"C1", "", scanner.Unknown},
		{"d2", "\x1d", scanner.Unknown},
		{"C1", "010952123454321", scanner.Unknown},  // too short
		{"C1", "01095212345432AB", scanner.Unknown}, // letters in a number
		{"C1", "10", scanner.Unknown},
		{"C1", "10\x1d\x1d", scanner.Unknown},
		{"C1", "10A B", scanner.Unknown},
		{"C1", "10" + strings.Repeat("A", 91), scanner.Unknown},
		{"C1", "9" + "A", scanner.Unknown},
		{"C1", "05123456", scanner.Unknown}, // no such identifier
		{"C1", "703", scanner.Unknown},
		{"Q3", "CHK1:MFRGG", scanner.AppointmentCode},
		{"C1", "90<script>alert(1)</script>", scanner.GS1}, // its characters are allowed, and nobody runs them
		{"C1", "4111111111111111", scanner.PaymentCard},
		{"C1", "10A\x1d4111111111111111", scanner.PaymentCard},
	} {
		if got := scanner.Classify([]byte(tt.scan), tt.symbology); got != tt.want {
			t.Errorf("Classify(%.50q, %q) = %s, want %s", tt.scan, tt.symbology, got, tt.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	for _, tt := range classified {
		f.Add([]byte(tt.scan), []byte(";"))
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		kind := scanner.Classify(before, string(after))
		switch kind {
		case scanner.AppointmentCode, scanner.TicketCode, scanner.Licence, scanner.HealthCard, scanner.HealthLink,
			scanner.GS1, scanner.MagneticStripe, scanner.PaymentCard, scanner.Unknown:
		default:
			t.Errorf("Classify(%q) = %q", before, kind)
		}
		// Whatever surrounds a card number, it is refused, unless digits touch
		// it or it stands in a licence.
		scan := append(append(append(append([]byte{}, before...), "|4111 1111 1111 1111|"...), after...), '|')
		if got := scanner.Classify(scan, "C1"); got != scanner.PaymentCard && got != scanner.Licence {
			t.Errorf("Classify(%q) = %s, want it refused", scan, got)
		}
	})
}

package nfc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clinicgate/devices"
)

// script is a dialogue with a service: each call with its outcome, in order. It
// fails the test on any other. The dialogues are written by hand, see
// testdata/README.md.
type script struct {
	t     *testing.T
	steps []string
}

func (s *script) next(call string) (string, error) {
	s.t.Helper()
	if len(s.steps) == 0 {
		s.t.Fatalf("%s after the end", call)
	}
	want, outcome, _ := strings.Cut(s.steps[0], " -> ")
	if call != want {
		s.t.Fatalf("%s, want %s", call, want)
	}
	s.steps = s.steps[1:]
	if code, failed := strings.CutPrefix(outcome, "error "); failed {
		e, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			return "", errors.New(code)
		}
		return "", scardError(e)
	}
	return outcome, nil
}

func (s *script) slots() ([]slot, error) {
	text, err := s.next("slots")
	var list []slot
	for part := range strings.SplitSeq(text, "; ") {
		if part == "" || err != nil {
			continue
		}
		name, state, _ := strings.Cut(part, "|")
		var row slot
		row.name = name
		if _, err := fmt.Sscanf(state, "%t %d", &row.card, &row.changes); err != nil {
			s.t.Fatal(err)
		}
		list = append(list, row)
	}
	return list, err
}

func (s *script) connect(reader string) (cardHandle, error) {
	_, err := s.next("connect " + reader)
	return cardHandle{1, 2}, err
}

func (s *script) transmit(_ cardHandle, apdu []byte) ([]byte, error) {
	text, err := s.next("transmit " + strings.ToUpper(hex.EncodeToString(apdu)))
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return b, nil
}

func (s *script) driverVersion(reader string) ([]byte, error) {
	text, err := s.next("version " + reader)
	return []byte(text), err
}

func (s *script) disconnect(cardHandle) error {
	_, err := s.next("disconnect")
	return err
}

func (s *script) close() { _, _ = s.next("close") }

const acr = "ACS ACR122U PICC Interface 00 00"

func play(t *testing.T, steps ...string) (*pcscReader, *script) {
	s := &script{t, steps}
	return &pcscReader{service: s, unit: strings.TrimSuffix(acr, " 00")}, s
}

func wantLook(t *testing.T, r *pcscReader, uid, trouble string) {
	t.Helper()
	p, err := r.look()
	if err != nil || uidText(p.uid) != uid || p.trouble != trouble {
		t.Fatalf("look = %X %q, %v; want %s %q", p.uid, p.trouble, err, uid, trouble)
	}
}

func TestScriptOfATag(t *testing.T) {
	r, s := play(t,
		"slots -> "+acr+"|false 6",
		"slots -> "+acr+"|true 7",
		"connect "+acr, "transmit FF00520000 -> 9000", "transmit FFCA000000 -> 04A1B2C3D4E5F69000", "disconnect",
		"connect "+acr, "transmit FFB0000310 -> E1101200030FD1010B5402656E43484B9000", "disconnect",
		"slots -> "+acr+"|true 7", // it stays: nothing is asked
		"slots -> "+acr+"|true 9", // it was away: asked again, and the buzzer is off already
		"connect "+acr, "transmit FFCA000000 -> 04A1B2C3D4E5F69000", "disconnect",
		"connect "+acr, "transmit FFB0000410 -> 6300", "disconnect",
		"slots -> "+acr+"|false 10",
		"close")
	wantLook(t, r, "", "")
	wantLook(t, r, "04A1B2C3D4E5F6", "")
	if data, err := r.read(ccPage); err != nil || len(data) != readBytes || !bytes.HasPrefix(data, []byte{0xE1, 0x10}) {
		t.Errorf("read = %X, %v", data, err)
	}
	wantLook(t, r, "04A1B2C3D4E5F6", "")
	wantLook(t, r, "04A1B2C3D4E5F6", "")
	if _, err := r.read(4); !errors.Is(err, errStatus) {
		t.Errorf("read = %v, want that the card does not do this", err)
	}
	wantLook(t, r, "", "")
	r.close()
	if len(s.steps) != 0 {
		t.Errorf("not asked: %q", s.steps)
	}
}

func TestScriptOfTrouble(t *testing.T) {
	slots := "slots -> " + acr + "|true 1"
	mute := []string{slots, "connect " + acr + " -> error 80100066"}
	r, _ := play(t, slices.Concat(
		mute, mute, mute, mute, mute,
		[]string{slots}, // told once, and not asked again
		[]string{"slots -> " + acr + "|true 3", "connect " + acr, "transmit FF00520000 -> error 80100016", "transmit FFCA000000 -> 6A81", "disconnect"},
		[]string{"slots -> " + acr + "|true 5", "connect " + acr, "transmit FFCA000000 -> 019000", "disconnect"},
		[]string{"slots -> " + acr + "|true 7", "connect " + acr, "transmit FFCA000000 -> error 80100069", "disconnect -> error 80100069"},
		[]string{"slots -> " + acr + "|true 7", "connect " + acr, "transmit FFCA000000 -> DEADBEEF9000", "disconnect -> error 80100069"},
		[]string{"slots -> "},
	)...)
	for range 4 {
		wantLook(t, r, "", "")
	}
	wantLook(t, r, "", ReasonMute)
	wantLook(t, r, "", ReasonMute)
	wantLook(t, r, "", ReasonNoNumber) // a card with contacts only
	wantLook(t, r, "", ReasonNoNumber) // a number of one byte
	wantLook(t, r, "", "")
	wantLook(t, r, "DEADBEEF", "")
	if _, err := r.look(); devices.FaultOf(err).Reason != "unplugged" {
		t.Errorf("look without the reader = %v", err)
	}
}

func TestServiceGoesAway(t *testing.T) {
	slots := "slots -> " + acr + "|true 1"
	for name, steps := range map[string][]string{
		"slots":         {"slots -> error broken pipe"},
		"slots stopped": {"slots -> error 8010001E"},
		"connect":       {slots, "connect " + acr + " -> error broken pipe"},
		"transmit":      {slots, "connect " + acr, "transmit FF00520000 -> 9000", "transmit FFCA000000 -> error broken pipe", "disconnect -> error broken pipe"},
		"disconnect":    {slots, "connect " + acr, "transmit FF00520000 -> 9000", "transmit FFCA000000 -> DEADBEEF9000", "disconnect -> error broken pipe"},
	} {
		r, _ := play(t, steps...)
		_, err := r.look()
		if f, ok := errors.AsType[*devices.Fault](err); !ok || f.Hint == "" {
			t.Errorf("%s: look = %v, want a fault with a hint", name, err)
		}
	}
}

func TestFindUnit(t *testing.T) {
	one := []slot{{name: "Virtual PCD 00 00"}, {name: "Virtual PCD 00 01"}}
	two := append(slices.Clone(one), slot{name: "Virtual PCD 01 00"}, slot{name: "ACS ACR122U PICC Interface (A1) 02 00"})
	windows := []slot{{name: "ACS ACR122 0"}, {name: "Windows Hello for Business 1"}}
	for _, tt := range []struct {
		slots        []slot
		name         string
		unit, reason string
	}{
		{one, "", "Virtual PCD 00", ""},
		{one, "virtual pcd", "Virtual PCD 00", ""},
		{one, "Virtual PCD 00 01", "Virtual PCD 00", ""},
		{two, "ACS ACR122U PICC Interface (A1)", "ACS ACR122U PICC Interface (A1) 02", ""},
		{two, "", "", "more than one reader matches"},
		{two, "Virtual PCD", "", "more than one reader matches"},
		{two, "Virtual PCD 01 00", "Virtual PCD 01", ""},
		{windows, "ACS ACR122", "ACS ACR122 0", ""},
		{windows, "ACS", "", "no reader of this name"},
		{nil, "ACS", "", "not plugged in"},
		{nil, "", "", "not plugged in"},
	} {
		unit, err := findUnit(tt.slots, tt.name)
		reason := ""
		if f := devices.FaultOf(err); f != nil {
			reason = f.Reason
		}
		if f := devices.FaultOf(err); f != nil && len(tt.slots) > 0 && !strings.Contains(f.Hint, "pcsc:") {
			t.Errorf("findUnit(%v, %q) hints %q, which names no reader", tt.slots, tt.name, f.Hint)
		}
		if unit != tt.unit || reason != tt.reason {
			t.Errorf("findUnit(%v, %q) = %q, %q; want %q, %q", tt.slots, tt.name, unit, reason, tt.unit, tt.reason)
		}
	}
}

// The attribute is a number in the machine's order, as libccid makes it of bcdDevice.
func TestUnitVersion(t *testing.T) {
	for want, v := range map[string]uint32{"2.14": 0x02140000, "10.00": 0x10000000, "1.00 build 7": 0x01000007, "": 0} {
		if got := unitVersion(binary.NativeEndian.AppendUint32(nil, v)); got != want {
			t.Errorf("%08x is %q, want %q", v, got, want)
		}
	}
	if got := unitVersion([]byte{1, 2, 3}); got != "" {
		t.Errorf("three bytes are %q", got)
	}
	refuses := &script{t: t, steps: []string{"version Reader 00 00 -> error 80100024"}}
	if got := (&pcscReader{service: refuses, first: "Reader 00 00"}).version(); got != "" {
		t.Errorf("a reader that tells none has version %q", got)
	}
}

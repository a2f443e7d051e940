package nfc

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/conntest"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/conn/v3/spi/spitest"

	clinicgpio "clinicgate/devices/gpio"
	"clinicgate/devices/simulator"
)

const scriptFile = "testdata/mfrc522-tag.txt"

// dialogue takes a chip into use with a tag of ours in its field, reads it twice
// and lets go.
func dialogue(port spi.PortCloser, reset gpio.PinOut) (uid, code string, err error) {
	m := &mfrc522{port: port}
	if err := m.start(reset); err != nil {
		return "", "", err
	}
	for range 2 {
		p, err := m.look()
		if err == nil && p.uid == nil {
			err = errSilent
		}
		if err != nil {
			return "", "", err
		}
		msg, err := readTag(m.read)
		if err != nil {
			return "", "", err
		}
		list, err := parseNDEF(msg)
		if err != nil {
			return "", "", err
		}
		uid, code = uidText(p.uid), list[0].text
	}
	m.close()
	return uid, code, nil
}

// The script is every access to a register. CLINICGATE_RECORD_MFRC522 records it
// anew: from the simulator where it is "simulator", and otherwise from a chip, as in
// "SPI0.0 GPIO25", with a tag in its field that holds a text.
func TestRegisterScript(t *testing.T) {
	if from := os.Getenv("CLINICGATE_RECORD_MFRC522"); from != "" {
		recordScript(t, from)
	}
	uid, code, ops := readScript(t)
	port := &spitest.Playback{Playback: conntest.Playback{Ops: ops, DontPanic: true}}
	gotUID, gotCode, err := dialogue(port, resetLine{gpio.INVALID})
	if err != nil || gotUID != uid || gotCode != code {
		t.Errorf("script gives %s %q, %v; want %s %q", gotUID, gotCode, err, uid, code)
	}
	if port.Count != len(ops) {
		t.Errorf("%d of %d accesses were made", port.Count, len(ops))
	}
	for i, op := range ops { // a bit that flips in what the card says never makes another card or code
		if len(op.R) != 2 || op.W[0] != 0x92 { // a read of the FIFO
			continue
		}
		damaged := slices.Clone(ops)
		damaged[i].R = []byte{op.R[0], op.R[1] ^ 0x10}
		gotUID, gotCode, err := dialogue(&spitest.Playback{Playback: conntest.Playback{Ops: damaged, DontPanic: true}}, resetLine{gpio.INVALID})
		if err == nil && (gotUID != uid || gotCode != code) {
			t.Errorf("access %d damaged gives %s %q", i, gotUID, gotCode)
		}
	}
}

type resetLine struct{ gpio.PinIO }

func (resetLine) Out(gpio.Level) error { return nil }

func recordScript(t *testing.T, from string) {
	t.Helper()
	rec := &spitest.Record{}
	var reset gpio.PinOut = resetLine{gpio.INVALID}
	if from == "simulator" {
		chip := simulator.NewMFRC522()
		chip.Place(simulator.NewTextTag([]byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6}, "CHK1:MFRGGZDFMZTWQ2LK"))
		rec.Port = chip
	} else {
		name, line, _ := strings.Cut(from, " ")
		if err := clinicgpio.Ready(); err != nil {
			t.Fatal(err)
		}
		port, err := spireg.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rec.Port, reset = port, gpioreg.ByName(line)
	}
	uid, code, err := dialogue(rec, reset)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# recorded from: %s\n%s %s\n", from, uid, code)
	for _, op := range rec.Ops {
		fmt.Fprintf(&b, "%x %x\n", op.W, op.R)
	}
	if err := os.WriteFile(scriptFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readScript(t *testing.T) (uid, code string, ops []conntest.IO) {
	t.Helper()
	f, err := os.Open(scriptFile)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		left, right, _ := strings.Cut(lines.Text(), " ")
		switch {
		case left == "#":
		case uid == "":
			uid, code = left, right
		default:
			ops = append(ops, conntest.IO{W: fromHex(t, left), R: fromHex(t, right)})
		}
	}
	return uid, code, ops
}

// The chip's version, and that of a copy (FM17522), are told as they are.
func TestVersionOfTheChip(t *testing.T) {
	for value, want := range map[byte]string{0x91: "MFRC522 1.0", 0x92: "MFRC522 2.0", 0x88: "VersionReg 88h"} {
		m := &mfrc522{port: simulator.NewMFRC522Version(value)}
		if err := m.start(resetLine{gpio.INVALID}); err != nil {
			t.Fatal(err)
		}
		if got := m.version(); got != want {
			t.Errorf("%02x is %q, want %q", value, got, want)
		}
	}
}

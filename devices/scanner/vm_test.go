//go:build vm && linux

package scanner_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
)

// What the simulated scanners call themselves.
const (
	keyboardUnit = "usb:16c0:27db"
	posUnit      = "usb:16c0:27dc:S1"
)

// listener reads an event node without grabbing it, as the browser's display
// server does.
type listener struct {
	t *testing.T
	f *os.File
}

func listen(t *testing.T, node string) *listener {
	t.Helper()
	f, err := os.OpenFile(node, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &listener{t, f}
}

// heard gives what came until now and for a moment longer.
func (l *listener) heard() string {
	l.t.Helper()
	k := scanner.NewKeys(8)
	var typed []byte
	buf := make([]byte, 24*64)
	for {
		if err := l.f.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			l.t.Fatal(err)
		}
		n, err := l.f.Read(buf)
		if err != nil {
			return string(typed)
		}
		k.Feed(buf[:n], func(c byte) { typed = append(typed, c) })
	}
}

// plugged waits for the node of a unit.
func plugged(t *testing.T, unit string, list func() ([]devices.Node, error)) devices.Node {
	t.Helper()
	id, err := devices.ParseIdentity(unit)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		n, err := devices.FindNode(id, list)
		if err == nil {
			return n
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", unit, err)
		}
	}
}

func vmDesk(t *testing.T, mode scanner.Mode, unit string) *desk {
	d := bareDesk(t)
	d.cfg = scanner.Config{ID: "front", Mode: mode, Port: unit, IdleGap: time.Second} // the machine is emulated and slow
	t.Cleanup(func() {
		if d.stop != nil {
			d.stop()
		}
	})
	return d
}

func newKeyboard(t *testing.T) *simulator.Keyboard {
	t.Helper()
	k, err := simulator.NewKeyboard("Simulated scanner", 0x16c0, 0x27db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Unplug)
	return k
}

// press types as fast as USB carries keys at full speed: every 8 ms a report, two
// for a character.
func press(t *testing.T, k *simulator.Keyboard, text string) {
	t.Helper()
	if err := k.Type([]byte(text), 16*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

// TestVMKeysOfAGrabbedScannerReachNobodyElse: while the service has the scanner
// no key reaches the browser; before and after, all do.
func TestVMKeysOfAGrabbedScannerReachNobodyElse(t *testing.T) {
	k := newKeyboard(t)
	browser := listen(t, plugged(t, keyboardUnit, devices.Keyboards).Name)
	press(t, k, "before\r")
	if got := browser.heard(); got != "before\r" {
		t.Fatalf("without a service the browser hears %q", got)
	}
	d := vmDesk(t, scanner.Keyboard, keyboardUnit)
	for range 2 {
		d.start()
		d.wantHealth(devices.Attached)
		press(t, k, "]C1010952123454321310AB\x1d21S-7_a\r")
		if r := d.want("010952123454321310AB\x1d21S-7_a", scanner.GS1); r.Symbology != "C1" {
			t.Errorf("reading %+v", r)
		}
		press(t, k, "CHK1:MFRGGZDF\rTKT1:AAAA\r") // back to back
		d.want("CHK1:MFRGGZDF", scanner.AppointmentCode)
		d.want("TKT1:AAAA", scanner.TicketCode)
		press(t, k, "]L2"+licence+"\r")
		if r := d.next(); r.Kind != string(scanner.Licence) || strings.TrimRight(r.Value.Reveal(), "\r") != strings.TrimRight(licence, "\r") {
			t.Errorf("licence: %s %s %q", r.Kind, r.Reason, r.Value.Reveal())
		}
		if got := browser.heard(); got != "" {
			t.Errorf("the browser hears %d bytes of a grabbed scanner", len(got))
		}
		if p := d.new().Probe(t.Context()); p.Reason != "keys are taken by another program" || p.Hint == "" {
			t.Errorf("Probe of a second service = %+v", p)
		}
		d.stop()
		press(t, k, "after\r")
		if got := browser.heard(); got != "after\r" {
			t.Errorf("after a stop the browser hears %q", got)
		}
	}
}

// Caps Lock is switched on at another keyboard, and its light shines on all.
func TestVMCapsLock(t *testing.T) {
	k := newKeyboard(t)
	other, err := simulator.NewKeyboard("Another keyboard", 0x16c0, 0x27ff)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Unplug)
	d := vmDesk(t, scanner.Keyboard, keyboardUnit)
	d.start()
	d.wantHealth(devices.Attached)
	if err := other.Press(simulator.Stroke{Code: 58}); err != nil {
		t.Fatal(err)
	}
	press(t, k, "Mrn-1a\r")
	d.want("Mrn-1a", scanner.Unknown)
	if err := k.Press(simulator.Stroke{Code: 58}); err != nil { // by the scanner itself
		t.Fatal(err)
	}
	press(t, k, "Mrn-2b\r")
	d.want("Mrn-2b", scanner.Unknown)
}

// Pulled out in the middle of a scan, and plugged in where it gets another node.
func TestVMReplugAKeyboard(t *testing.T) {
	k := newKeyboard(t)
	d := vmDesk(t, scanner.Keyboard, keyboardUnit)
	d.start()
	before := d.wantHealth(devices.Attached)
	press(t, k, "CHK1:HA")
	k.Unplug()
	d.wantHealth(devices.Lost)
	other, err := simulator.NewKeyboard("Another keyboard", 0x16c0, 0x27ff) // takes the free number
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Unplug)
	if err := k.Plug(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	after := d.wantHealth(devices.Attached)
	t.Logf("was %s, is %s, taken back after %d ms", before.Where, after.Where, time.Since(began).Milliseconds())
	if after.Where == before.Where {
		t.Errorf("the node is %s again: the test proves less than it says", after.Where)
	}
	browser := listen(t, after.Where)
	press(t, k, "CHK1:WHOLE\r")
	d.want("CHK1:WHOLE", scanner.AppointmentCode)
	if got := browser.heard(); got != "" {
		t.Errorf("the browser hears %q", got)
	}
}

// More than the kernel keeps for a reader that is busy: what is lost is known to
// be, and no scan is wrong.
func TestVMLostKeysAreNoScan(t *testing.T) {
	k := newKeyboard(t)
	d := vmDesk(t, scanner.Keyboard, keyboardUnit)
	d.start()
	d.wantHealth(devices.Attached)
	long := "CHK1:" + strings.Repeat("ABCDEFGHJK", 300)
	damaged := 0
	for range 10 {
		if err := k.Type([]byte(long+"\r"), 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		for len(d.readings) > 0 {
			switch r := d.next(); {
			case r.Verdict == devices.Damaged:
				damaged++
			case r.Value.Reveal() != long:
				t.Errorf("a scan of %d bytes is read as %s of %d", len(long), r.Kind, r.Length)
			}
		}
	}
	press(t, k, "\rCHK1:AFTER\r")
	for r := d.next(); r.Value.Reveal() != "CHK1:AFTER"; r = d.next() {
		if r.Verdict != devices.Damaged && r.Value.Reveal() != long {
			t.Errorf("read %d bytes of %s", r.Length, r.Kind)
		}
	}
	t.Logf("%d of 10 were damaged", damaged)
}

func TestVMHIDPOS(t *testing.T) {
	p, err := simulator.NewPOS("Simulated POS scanner", "S1", 0x16c0, 0x27dc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Unplug)
	plugged(t, posUnit, devices.RawHIDs)
	list, err := scanner.List()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, s := range list {
		if s.Identity.String() == posUnit && s.Mode == scanner.HIDPOS && s.Product == "Simulated POS scanner" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the list has %+v", list)
	}
	d := vmDesk(t, scanner.HIDPOS, posUnit)
	d.start()
	before := d.wantHealth(devices.Attached)
	scan := func(symbology, code string) {
		t.Helper()
		if err := p.Scan(symbology, []byte(code)); err != nil {
			t.Fatal(err)
		}
	}
	scan("Q1", "CHK1:MFRGGZDF")
	if r := d.want("CHK1:MFRGGZDF", scanner.AppointmentCode); r.Symbology != "Q1" {
		t.Errorf("reading %+v", r)
	}
	scan("", "TKT1:AAAA") // back to back
	scan("L2", licence)
	d.want("TKT1:AAAA", scanner.TicketCode)
	d.want(licence, scanner.Licence)
	long := strings.Repeat("0123456789", 400)
	scan("Q1", long)
	d.want(long, scanner.Unknown)

	half, err := simulator.POSReports("Q1", []byte(long))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(half[:3]...); err != nil {
		t.Fatal(err)
	}
	p.Unplug()
	d.wantHealth(devices.Lost)
	if err := p.Plug(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	after := d.wantHealth(devices.Attached)
	t.Logf("was %s, is %s, taken back after %d ms", before.Where, after.Where, time.Since(began).Milliseconds())
	scan("Q1", "CHK1:WHOLE")
	d.want("CHK1:WHOLE", scanner.AppointmentCode)
	if k := d.status().Counters; k.Losses != 1 {
		t.Errorf("counters %+v", k)
	}
}

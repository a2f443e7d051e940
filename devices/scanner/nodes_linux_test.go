package scanner_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
)

// nodeDesk is a scanner on a device node, as a gateway runs it. The node is one
// end of a pair of sockets that keep messages apart, as event nodes and raw
// nodes do; what a kernel adds to that is tested in the virtual machine.
type nodeDesk struct {
	*desk
	mode scanner.Mode

	mu     sync.Mutex // guards what follows
	unit   *os.File   // nil while unplugged
	node   *os.File
	number int
}

func newNodeDesk(t *testing.T, mode scanner.Mode, change func(*scanner.Config)) *nodeDesk {
	t.Helper()
	t.Parallel()
	d := &nodeDesk{desk: bareDesk(t), mode: mode}
	// Strokes are sent one by one, and a slow machine pauses between two of them.
	d.cfg = scanner.Config{ID: "front", Mode: mode, Port: "usb:05e0:1200:A1", IdleGap: 2 * time.Second}
	if change != nil {
		change(&d.cfg)
	}
	d.make = func(cfg scanner.Config, deps devices.Deps) (*scanner.Scanner, error) {
		return scanner.Over(cfg, deps, d.find, d.open)
	}
	d.plug()
	t.Cleanup(func() {
		if d.stop != nil {
			d.stop()
		}
		d.unplug()
	})
	return d
}

func (d *nodeDesk) plug() {
	d.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.number++
	d.unit, d.node = os.NewFile(uintptr(pair[0]), "unit"), os.NewFile(uintptr(pair[1]), "node")
}

func (d *nodeDesk) unplug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unit != nil {
		_ = d.unit.Close()
		_ = d.node.Close()
		d.unit, d.node = nil, nil
	}
}

func (d *nodeDesk) find() (string, int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unit == nil {
		return "", 0, &devices.Fault{Reason: "not plugged in", Hint: "plug it in"}
	}
	return fmt.Sprintf("/dev/node%d", d.number), d.number, nil
}

// open gives the port a copy, as opening a node does.
func (d *nodeDesk) open(string) (scanner.Port, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unit == nil {
		return nil, &devices.Fault{Reason: "not plugged in", Hint: "plug it in"}
	}
	fd, err := unix.FcntlInt(d.node.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "node")
	if d.mode == scanner.HIDPOS {
		return scanner.POSPort(f, simulator.POSDescriptor()), nil
	}
	return scanner.KeyboardPort(f), nil
}

// send writes messages as the kernel gives them to the reader.
func (d *nodeDesk) send(messages ...[]byte) {
	d.t.Helper()
	d.mu.Lock()
	unit := d.unit
	d.mu.Unlock()
	if err := unit.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		d.t.Fatal(err)
	}
	for _, m := range messages {
		if _, err := unit.Write(m); err != nil {
			d.t.Fatal(err)
		}
	}
}

// present holds a code under the scanner.
func (d *nodeDesk) present(symbology, code string) {
	d.t.Helper()
	if d.mode == scanner.HIDPOS {
		d.send(reports(d.t, symbology, code)...)
		return
	}
	if symbology != "" {
		code = "]" + symbology + code
	}
	for _, s := range strokes(d.t, code) {
		d.send(simulator.InputEvents(8, s))
	}
}

var nodeModes = []scanner.Mode{scanner.Keyboard, scanner.HIDPOS}

func eachMode(t *testing.T, test func(t *testing.T, mode scanner.Mode)) {
	for _, mode := range nodeModes {
		t.Run(string(mode), func(t *testing.T) { test(t, mode) })
	}
}

// enter is the suffix that a scanner of the mode types.
func enter(mode scanner.Mode) string {
	if mode == scanner.HIDPOS {
		return ""
	}
	return "\r"
}

func TestScanFromANode(t *testing.T) {
	eachMode(t, func(t *testing.T, mode scanner.Mode) {
		d := newNodeDesk(t, mode, nil)
		d.start()
		if h := d.wantHealth(devices.Attached); h.Where != "/dev/node1" || h.Binding != "usb:05e0:1200:A1" {
			t.Errorf("attached: %+v", h)
		}
		d.present("Q1", "CHK1:MFRGGZDF"+enter(mode))
		r := d.want("CHK1:MFRGGZDF", scanner.AppointmentCode)
		if r.Symbology != "Q1" || r.Verdict != devices.Good || r.Length != 13 || r.Hash == "" {
			t.Errorf("reading %+v", r)
		}
		d.present("", "TKT1:AAAA"+enter(mode)) // back to back
		d.present("C1", "0109521234543213"+"10ABC\x1d"+"21S7"+enter(mode))
		d.present("", "MRN-1234"+enter(mode))
		d.want("TKT1:AAAA", scanner.TicketCode)
		d.want("0109521234543213"+"10ABC\x1d"+"21S7", scanner.GS1)
		d.want("MRN-1234", scanner.Unknown)
		d.present("L2", licence+enter(mode))
		got := d.next()
		if got.Kind != string(scanner.Licence) || strings.TrimRight(got.Value.Reveal(), "\r") != strings.TrimRight(licence, "\r") {
			t.Errorf("licence: %s %q", got.Kind, got.Value.Reveal())
		}
		d.present("", ";4111111111111111=25121010000012300000?"+enter(mode))
		if r := d.want("", scanner.PaymentCard); r.Verdict != devices.Refused || r.Hash != "" {
			t.Errorf("payment card: %+v", r)
		}
		for _, said := range []string{"CHK1", "1234", "4111", "SAMPLE"} {
			if strings.Contains(d.log.String(), said) {
				t.Errorf("the log holds a scan:\n%s", d.log.String())
			}
		}
	})
}

func TestUnplugANodeInTheMiddleOfAScan(t *testing.T) {
	eachMode(t, func(t *testing.T, mode scanner.Mode) {
		d := newNodeDesk(t, mode, nil)
		d.start()
		d.wantHealth(devices.Attached)
		if mode == scanner.HIDPOS {
			d.send(reports(t, "Q1", "CHK1:"+strings.Repeat("HALF", 30))[0])
		} else {
			d.present("", "CHK1:HALF")
		}
		d.unplug()
		if h := d.wantHealth(devices.Lost); h.Reason == "" {
			t.Errorf("loss without a reason: %+v", h)
		}
		d.plug()
		if h := d.wantHealth(devices.Attached); h.Where != "/dev/node2" {
			t.Errorf("attached again: %+v, want another node", h)
		}
		d.present("Q1", "CHK1:WHOLE"+enter(mode))
		d.want("CHK1:WHOLE", scanner.AppointmentCode)
		if c := d.status().Counters; c.Attachments != 2 || c.Losses != 1 || c.CutOff > 1 {
			t.Errorf("counters %+v", c)
		}
	})
}

// Keys that were held when the scanner went away are not held when it is back.
func TestNothingIsHeldAfterALoss(t *testing.T) {
	d := newNodeDesk(t, scanner.Keyboard, nil)
	d.start()
	d.wantHealth(devices.Attached)
	d.send(event(1, 42, 1), event(1, 29, 1)) // Shift and Ctrl go down
	d.unplug()
	d.wantHealth(devices.Lost)
	d.plug()
	d.wantHealth(devices.Attached)
	d.present("", "mrn-1\r")
	d.want("mrn-1", scanner.Unknown)
}

func TestKeysWithoutSuffixEndByAPause(t *testing.T) {
	d := newNodeDesk(t, scanner.Keyboard, func(c *scanner.Config) { c.Suffix, c.IdleGap = "none", 500*time.Millisecond })
	d.start()
	d.present("", "CHK1:AAAA")
	d.want("CHK1:AAAA", scanner.AppointmentCode)
	d.present("", "CHK1:BBBB")
	d.want("CHK1:BBBB", scanner.AppointmentCode)
}

func TestGarbageFromANode(t *testing.T) {
	eachMode(t, func(t *testing.T, mode scanner.Mode) {
		d := newNodeDesk(t, mode, nil)
		d.start()
		d.wantHealth(devices.Attached)
		junk := make([]byte, 24*40)
		for i := range junk {
			junk[i] = byte(i * 7)
		}
		for range 1024 { // about 1 MB
			d.send(junk)
			for len(d.readings) > 0 {
				d.next()
			}
		}
		if mode == scanner.Keyboard {
			d.send(event(0, 3, 0), event(0, 0, 0))
			d.present("", "\r")
		}
		for end := time.Now().Add(patience); ; {
			d.present("", "CHK1:AFTER"+enter(mode))
			if r := d.next(); r.Kind == string(scanner.AppointmentCode) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("no scan gets through after the garbage; %+v", d.status())
			}
		}
	})
}

func TestStopReleasesTheNode(t *testing.T) {
	eachMode(t, func(t *testing.T, mode scanner.Mode) {
		d := newNodeDesk(t, mode, nil)
		for i := range 3 {
			d.start()
			d.wantHealth(devices.Attached)
			d.present("", fmt.Sprintf("CHK1:RUN%d", i)+enter(mode))
			d.want(fmt.Sprintf("CHK1:RUN%d", i), scanner.AppointmentCode)
			d.stop()
		}
	})
}

// Without a kernel that has them, the real openers say so and do not crash.
func TestNodesThatAreNone(t *testing.T) {
	for _, mode := range nodeModes {
		for path, want := range map[string]string{"/dev/null": "not a", "/dev/no-such-node": "not plugged in"} {
			s, err := scanner.New(scanner.Config{ID: "front", Mode: mode, Port: path}, devices.Deps{Log: discard()})
			if err != nil {
				t.Fatal(err)
			}
			if p := s.Probe(t.Context()); p.Outcome != devices.Failed || !strings.HasPrefix(p.Reason, want) || p.Hint == "" {
				t.Errorf("%s at %s: Probe = %+v, want %q", mode, path, p, want)
			}
		}
	}
}

package scanner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
)

// patience is how long a test waits before it gives up; it is no measurement.
const patience = 20 * time.Second

// desk is a scanner on a simulated port, as a gateway runs it.
type desk struct {
	t        *testing.T
	port     *simulator.SerialPort
	cfg      scanner.Config
	readings chan devices.Reading
	health   chan devices.Health
	refuse   chan error // one error per reading to refuse
	make     func(scanner.Config, devices.Deps) (*scanner.Scanner, error)
	log      syncBuilder

	scanner *scanner.Scanner
	stop    func()
}

// syncBuilder is a log that two goroutines may write.
type syncBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newDesk(t *testing.T, change func(*scanner.Config)) *desk {
	t.Helper()
	t.Parallel()
	port, err := simulator.NewSerialPort(t.TempDir(), "scanner")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- port.Run(ctx) }()
	d := bareDesk(t)
	d.port, d.cfg = port, scanner.Config{ID: "front", Port: port.Path()}
	if change != nil {
		change(&d.cfg)
	}
	t.Cleanup(func() {
		if d.stop != nil {
			d.stop()
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	return d
}

// bareDesk is a desk without a scanner.
func bareDesk(t *testing.T) *desk {
	return &desk{
		t:        t,
		readings: make(chan devices.Reading, 4096),
		health:   make(chan devices.Health, 64),
		refuse:   make(chan error, 64),
		make:     scanner.New,
	}
}

func (d *desk) new() *scanner.Scanner {
	d.t.Helper()
	s, err := d.make(d.cfg, deps(d))
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func deps(d *desk) devices.Deps {
	return devices.Deps{
		Log:     slog.New(slog.NewTextHandler(&d.log, nil)),
		Health:  func(_ context.Context, h devices.Health) { d.health <- h },
		HashKey: []byte("test key"),
	}
}

// start runs the scanner; stop ends it and waits.
func (d *desk) start() {
	d.t.Helper()
	d.scanner = d.new()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.scanner.Run(ctx, d.sink) }()
	d.stop = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				d.t.Errorf("Run = %v, want nil after a stop", err)
			}
		case <-time.After(patience):
			d.t.Error("Run does not stop")
		}
		d.stop = nil
	}
}

func (d *desk) sink(ctx context.Context, r devices.Reading) error {
	select {
	case err := <-d.refuse:
		return err
	default:
	}
	select {
	case d.readings <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// scan writes as another program does: open, write, close.
func (d *desk) scan(bytes string) {
	d.t.Helper()
	f, err := os.OpenFile(d.port.Input(), os.O_WRONLY, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := f.WriteString(bytes); err != nil {
		d.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) next() devices.Reading {
	d.t.Helper()
	select {
	case r := <-d.readings:
		return r
	case <-time.After(patience):
		d.t.Fatalf("no reading; %+v", d.status())
		return devices.Reading{}
	}
}

func (d *desk) want(value string, kind scanner.Kind) devices.Reading {
	d.t.Helper()
	r := d.next()
	if r.Value.Reveal() != value || r.Kind != string(kind) {
		d.t.Errorf("reading %q of kind %s, %s %s, want %q of kind %s", r.Value.Reveal(), r.Kind, r.Verdict, r.Reason, value, kind)
	}
	return r
}

func (d *desk) wantHealth(want devices.State) devices.Health {
	d.t.Helper()
	select {
	case h := <-d.health:
		if h.State != want {
			d.t.Fatalf("health %+v, want %s", h, want)
		}
		return h
	case <-time.After(patience):
		d.t.Fatalf("nothing said, want %s; %+v", want, d.status())
		return devices.Health{}
	}
}

// until waits for a condition of the status.
func (d *desk) until(what string, ok func(devices.Status) bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); !ok(d.status()); {
		if time.Now().After(end) {
			d.t.Fatalf("not %s; %+v", what, d.status())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (d *desk) status() devices.Status {
	if d.scanner == nil {
		return devices.Status{}
	}
	return d.scanner.Status()
}

func TestScan(t *testing.T) {
	d := newDesk(t, func(c *scanner.Config) { c.IdleGap = 2 * time.Second }) // programs take turns, and a slow machine pauses
	d.start()
	d.wantHealth(devices.Attached)
	d.scan("]Q1CHK1:MFRGGZDF\r")
	r := d.want("CHK1:MFRGGZDF", scanner.AppointmentCode)
	if r.Device != "front" || r.Class != devices.Scanner || r.Symbology != "Q1" || r.Verdict != devices.Good ||
		r.Length != 13 || r.At.IsZero() || r.Hash != devices.Fingerprint([]byte("test key"), devices.Scanner, []byte("CHK1:MFRGGZDF")) {
		t.Errorf("reading %+v", r)
	}
	d.scan("TKT1:AAAA\r\nCHK1:BBBB\r\n") // back to back
	d.want("TKT1:AAAA", scanner.TicketCode)
	d.want("CHK1:BBBB", scanner.AppointmentCode)
	for _, b := range "CHK1:CCCC\n" { // each byte by a program of its own
		d.scan(string(b))
	}
	d.want("CHK1:CCCC", scanner.AppointmentCode)
	d.scan("MRN-1234\r")
	d.want("MRN-1234", scanner.Unknown)
	d.until("counted", func(s devices.Status) bool {
		return s.Counters == devices.Counters{Attachments: 1, Accepted: 5}
	})
	if strings.Contains(d.log.String(), "CHK1") || strings.Contains(d.log.String(), "1234") {
		t.Errorf("the log holds a scan:\n%s", d.log.String())
	}
}

// The bytes pass unchanged: no echo, no translation, no flow control.
func TestEveryByteArrives(t *testing.T) {
	d := newDesk(t, func(c *scanner.Config) { c.Suffix = "##" })
	d.start()
	var all strings.Builder
	for b := 1; b < 255; b++ {
		if b != 2 && b != '#' {
			all.WriteByte(byte(b))
		}
	}
	d.scan("<" + all.String() + ">##")
	d.want("<"+all.String()+">", scanner.Unknown)
}

func TestScanWithoutSuffixEndsByAPause(t *testing.T) {
	for _, suffix := range []string{"none", "auto"} {
		t.Run(suffix, func(t *testing.T) {
			d := newDesk(t, func(c *scanner.Config) { c.Suffix, c.IdleGap = suffix, 500*time.Millisecond })
			d.start()
			d.scan("CHK1:AAAA")
			d.want("CHK1:AAAA", scanner.AppointmentCode)
			d.scan("CHK1:BBBB")
			d.want("CHK1:BBBB", scanner.AppointmentCode)
			d.scan("@\n\x1e\rANSI 636000100002DL\nDCSSAMPLE\n")
			d.want("@\n\x1e\rANSI 636000100002DL\nDCSSAMPLE", scanner.Licence)
		})
	}
}

func TestWrongSuffixIsShown(t *testing.T) {
	d := newDesk(t, func(c *scanner.Config) { c.Suffix = "tab" })
	d.start()
	d.scan("CHK1:AAAA\r")
	if r := d.want("", scanner.Unknown); r.Verdict != devices.Damaged || r.Reason != scanner.DamageNoSuffix {
		t.Errorf("reading %+v", r)
	}
}

func TestPaymentCardIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	d.start()
	d.scan("%B4111111111111111^SAMPLE/ANNA^2512101?\r")
	r := d.want("", scanner.PaymentCard)
	if r.Verdict != devices.Refused || !r.Value.IsZero() || r.Hash != "" || r.Length != 39 {
		t.Errorf("reading %+v, want nothing but that it was a card", r)
	}
	d.until("counted", func(s devices.Status) bool { return s.Counters.Refused == 1 && s.Counters.Accepted == 1 })
	if strings.Contains(d.log.String(), "4111") {
		t.Errorf("the log holds a card number:\n%s", d.log.String())
	}
}

// The node has another number each time, and the link leads to it.
func TestUnplugInTheMiddleOfAScan(t *testing.T) {
	d := newDesk(t, func(c *scanner.Config) { c.Suffix = "cr" })
	d.start()
	before := d.wantHealth(devices.Attached)
	if _, err := d.port.Write([]byte("CHK1:HALF")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // in the kernel or in the framer: both must be forgotten
	d.port.Unplug()
	if lost := d.wantHealth(devices.Lost); lost.Reason == "" {
		t.Errorf("loss without a reason: %+v", lost)
	}
	if _, err := os.Lstat(d.port.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the port is still there: %v", err)
	}
	if _, err := d.port.Write([]byte("CHK1:NOPOWER\r")); !errors.Is(err, simulator.ErrUnplugged) {
		t.Errorf("scan while unplugged: %v", err)
	}
	other, err := simulator.NewSerialPort(t.TempDir(), "other") // takes the free numbers
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := d.port.Plug(); err != nil {
		t.Fatal(err)
	}
	after := d.wantHealth(devices.Attached)
	t.Logf("was %s, is %s", before.Where, after.Where)
	d.scan("CHK1:WHOLE\r")
	d.want("CHK1:WHOLE", scanner.AppointmentCode)
	if c := d.status().Counters; c.Attachments != 2 || c.Losses != 1 || c.CutOff > 1 {
		t.Errorf("counters %+v", c)
	}
}

// The link of the identity is pointed at another unit, and the first one stays
// open and silent.
func TestLinkMovesToAnotherUnit(t *testing.T) {
	d := newDesk(t, nil)
	other, err := simulator.NewSerialPort(t.TempDir(), "other")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	defer func() { cancel(); <-done }()

	link := filepath.Join(t.TempDir(), "by-id")
	point := func(at string) {
		t.Helper()
		if err := os.Symlink(at, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	point(d.port.Path())
	d.cfg.Port = link
	d.start()
	first := d.wantHealth(devices.Attached)
	d.scan("CHK1:HALF")
	point(other.Path())
	if h := d.wantHealth(devices.Lost); h.Reason != "moved to another port" {
		t.Errorf("lost because of %q", h.Reason)
	}
	if second := d.wantHealth(devices.Attached); second.Where == first.Where {
		t.Errorf("attached to %s again", second.Where)
	}
	if _, err := other.Write([]byte("CHK1:OTHER\r")); err != nil {
		t.Fatal(err)
	}
	for r := d.next(); r.Value.Reveal() != "CHK1:OTHER"; r = d.next() {
		if r.Value.Reveal() != "CHK1:HALF" { // the pause may have ended it
			t.Fatalf("reading %q", r.Value.Reveal())
		}
	}
}

// Stopping closes the port while a read waits for bytes.
func TestStopUnderABlockedRead(t *testing.T) {
	d := newDesk(t, nil)
	for i := range 5 {
		d.start()
		d.wantHealth(devices.Attached)
		d.scan(fmt.Sprintf("CHK1:RUN%d\r", i))
		d.want(fmt.Sprintf("CHK1:RUN%d", i), scanner.AppointmentCode)
		d.stop()
		if st := d.status(); st.State != devices.Stopped {
			t.Fatalf("status after a stop: %+v", st)
		}
	}
	d.scan("CHK1:WAITED\r") // nobody listens; the device keeps it for a moment
	d.start()
	d.want("CHK1:WAITED", scanner.AppointmentCode)
}

func TestSinkThatRefuses(t *testing.T) {
	d := newDesk(t, nil)
	d.refuse <- errors.New("store is full")
	d.start()
	d.scan("CHK1:AAAA\r")
	d.until("counted", func(s devices.Status) bool { return s.Counters.Unaccepted == 1 })
	d.scan("CHK1:BBBB\r")
	d.want("CHK1:BBBB", scanner.AppointmentCode)
	d.until("counted", func(s devices.Status) bool { return s.Counters.Accepted == 1 && s.State == devices.Attached })
}

func TestFloodOfGarbage(t *testing.T) {
	d := newDesk(t, nil)
	d.start()
	d.wantHealth(devices.Attached)
	junk := strings.Repeat("junk\r", 100) + strings.Repeat("x", 3000) + "\r\x00\xff"
	n := 0
	for range 300 { // about 1 MB
		d.scan(junk)
		for len(d.readings) > 0 {
			d.next()
			n++
		}
	}
	d.scan("\rCHK1:AFTER\r")
	for r := d.next(); r.Kind != string(scanner.AppointmentCode); r = d.next() {
		n++
	}
	if c := d.status().Counters; c.Throttled < 10*int64(n) || c.Throttled+int64(n) < 300 {
		t.Errorf("%d readings of garbage, counters %+v", n, c)
	}
}

func TestProbe(t *testing.T) {
	d := newDesk(t, nil)
	probe := func(s *scanner.Scanner, outcome devices.Outcome, reason string) {
		t.Helper()
		p := s.Probe(t.Context())
		if p.Outcome != outcome || !strings.Contains(p.Reason, reason) {
			t.Errorf("Probe = %+v, want %s with %q", p, outcome, reason)
		}
		if p.Outcome == devices.Failed && p.Hint == "" {
			t.Errorf("Probe = %+v: no hint", p)
		}
	}
	probe(d.new(), devices.Ready, "")
	d.start()
	d.wantHealth(devices.Attached)
	probe(d.scanner, devices.Ready, "")
	if p := d.scanner.Probe(t.Context()); !strings.HasPrefix(p.Where, "/dev/pts/") {
		t.Errorf("Probe = %+v, want the node in use", p)
	}
	d.port.Unplug()
	d.wantHealth(devices.Lost)
	probe(d.scanner, devices.Failed, "")
	d.stop()
	probe(d.new(), devices.Failed, "not plugged in")

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, reason := range map[string]string{file: "not a serial port", "/dev/null": "not a serial port"} {
		d.cfg.Port = path
		probe(d.new(), devices.Failed, reason)
	}
	d.cfg.Disabled = true
	probe(d.new(), devices.Skipped, "disabled")
	d.start()
	d.until("disabled", func(s devices.Status) bool { return s.State == devices.Disabled })
	d.stop()
}

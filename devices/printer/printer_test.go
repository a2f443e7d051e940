package printer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/printer"
	"clinicgate/devices/simulator"
)

// bench is a printer with a simulated one at its other end.
type bench struct {
	t    *testing.T
	sim  *simulator.ReceiptPrinter
	dev  *printer.Printer
	ctx  context.Context
	stop context.CancelFunc
}

func words(t testing.TB) []printer.Words {
	t.Helper()
	font, err := os.ReadFile("../../kiosk/web/assets/text-latin.woff2")
	if err != nil {
		t.Fatal(err)
	}
	return []printer.Words{{Tag: "en", Title: "Your number", Where: "Please wait here", Wait: "Expected wait", Note: "Remember your number.",
		Fonts: [][]byte{font}, Minutes: func(low, high int) string { return fmt.Sprint(low, " to ", high) }}}
}

func newBench(t *testing.T, change func(*printer.Config), trouble simulator.Trouble) *bench {
	t.Helper()
	sim, err := simulator.NewReceiptPrinter("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sim.Set(trouble)
	c := printer.Config{ID: "ticket", Address: sim.Address(), Places: []string{"Blue chairs"}}
	if change != nil {
		change(&c)
	}
	dev, err := printer.New(c, words(t), devices.Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, sim: sim, dev: dev}
	b.ctx, b.stop = context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = sim.Run(b.ctx) })
	wg.Go(func() {
		_ = dev.Run(b.ctx, func(context.Context, devices.Reading) error { t.Error("a printer read something"); return nil })
	})
	t.Cleanup(func() { b.stop(); wg.Wait() })
	return b
}

// until waits for what has to come; the limit is for a test that fails.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("%s: did not come; the printer is %+v", what, b.dev.Status())
		}
	}
}

func (b *bench) attached() {
	b.t.Helper()
	b.until("attached", func() bool { return b.dev.Status().State == devices.Attached })
}

func (b *bench) lost(reason string) {
	b.t.Helper()
	b.until(reason, func() bool {
		st := b.dev.Status()
		return st.State == devices.Lost && st.Reason == reason && st.Hint != ""
	})
}

func ticket(id, number string) devices.Command {
	return devices.Command{ID: id, Verb: printer.PrintTicket, Args: printer.Ticket{Number: number, Where: "Blue chairs", WaitLow: 5, WaitHigh: 15,
		Code: "TKT1:K7FJR4G4PEYBMNPNY6LWE6NCLY", Language: "en", At: time.Date(2026, 3, 8, 14, 5, 0, 0, time.UTC)}.Args()}
}

func (b *bench) do(c devices.Command) error {
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	return b.dev.Do(ctx, c)
}

// tickets are the papers with a whole ticket of that number.
func (b *bench) tickets(number string) (n int) {
	for _, p := range b.sim.Papers() {
		for _, u := range p.Unknown { // a command that broke off ends in a zero
			if !strings.HasSuffix(u, " 00") {
				b.t.Errorf("the printer got what is no command of a ticket: %q", p.Unknown)
			}
		}
		if strings.Contains(p.Text, number) && len(p.QR) == 1 && strings.Contains(p.Text, "2026-03-08") {
			n++
		}
	}
	return n
}

func TestTicketIsPrintedOnce(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{})
	b.attached()
	for range 3 {
		if err := b.do(ticket("cmd-1", "A-017")); err != nil {
			t.Fatal(err)
		}
	}
	b.sim.Unplug()
	b.attached()
	if err := b.do(ticket("cmd-1", "A-017")); err != nil {
		t.Errorf("the same command after a reconnect: %v", err)
	}
	if err := b.do(ticket("cmd-2", "A-018")); err != nil {
		t.Errorf("the next command: %v", err)
	}
	if a, c := b.tickets("A-017"), b.tickets("A-018"); a != 1 || c != 1 {
		t.Errorf("%d and %d tickets, want one of each: %+v", a, c, b.sim.Papers())
	}
	last := b.sim.Papers()[len(b.sim.Papers())-1]
	for _, want := range []string{"Your number", "Blue chairs", "5 to 15", "TKT1:"} {
		if !strings.Contains(last.Text, want) {
			t.Errorf("the ticket lacks %q:\n%s", want, last.Text)
		}
	}
	b.until("the version of its firmware", func() bool { return b.dev.Status().Firmware == simulator.PrinterFirmware })
	if got := b.dev.Status().Counters.Commands; got != 2 {
		t.Errorf("%d commands were counted, want 2", got)
	}
}

// A connection that breaks at any byte of a ticket: what hangs out is cut off, and
// one whole ticket follows.
func TestBrokenOffTicketIsCutAndPrintedAgain(t *testing.T) {
	for _, page := range []string{"", printer.Picture} {
		for _, after := range []int{1, 40, 200, 400, 3000} {
			b := newBench(t, func(c *printer.Config) { c.CodePage = page }, simulator.Trouble{})
			b.attached()
			if err := b.do(ticket("warm", "A-001")); err != nil { // else the first job's beginning is what breaks
				t.Fatal(err)
			}
			before := len(b.sim.Papers())
			b.sim.Set(simulator.Trouble{DropAfter: after})
			if err := b.do(ticket("cmd", "A-017")); err != nil {
				t.Errorf("broken off after %d bytes: %v", after, err)
			}
			papers := b.sim.Papers()[before:]
			if page == "" {
				if got := b.tickets("A-017"); got != 1 && after < 350 || got == 0 {
					t.Errorf("broken off after %d bytes: %d whole tickets: %+v", after, got, papers)
				}
			}
			for _, p := range papers {
				if strings.Count(p.Text, "A-017") > 1 {
					t.Errorf("broken off after %d bytes: two tickets on one paper: %+v", after, p)
				}
			}
			b.stop()
		}
	}
}

func TestTroubleIsALossWithItsReason(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{PaperOut: true})
	b.lost(printer.ReasonPaper)
	err := b.do(ticket("cmd", "A-017"))
	if !errors.Is(err, devices.ErrAbsent) || devices.FaultOf(err).Reason != printer.ReasonPaper {
		t.Errorf("without paper Do = %v, want absent and why", err)
	}
	for reason, trouble := range map[string]simulator.Trouble{printer.ReasonCover: {CoverOpen: true}, printer.ReasonJam: {Jam: true}} {
		b.sim.Set(simulator.Trouble{})
		b.attached()
		b.sim.Set(trouble)
		b.lost(reason)
	}
	b.sim.Set(simulator.Trouble{PaperLow: true})
	b.attached()
	b.until("low paper", func() bool { return b.dev.Status().Reason == printer.ReasonLow })
	if err := b.do(ticket("cmd", "A-017")); err != nil { // the same command: nothing had happened
		t.Errorf("with little paper: %v", err)
	}
	if got := b.tickets("A-017"); got != 1 {
		t.Errorf("%d tickets, want 1", got)
	}
}

// Paper runs out in the middle: the caller learns why, and nothing comes out for
// who has gone.
func TestPaperRunsOutInTheMiddle(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{})
	b.attached()
	if err := b.do(ticket("warm", "A-001")); err != nil {
		t.Fatal(err)
	}
	b.sim.Set(simulator.Trouble{PaperOut: true})
	ctx, cancel := context.WithTimeout(b.ctx, 4*time.Second)
	defer cancel()
	err := b.dev.Do(ctx, ticket("cmd", "A-017"))
	if err == nil {
		t.Fatal("a ticket without paper was said to be printed")
	}
	b.lost(printer.ReasonPaper)
	b.sim.Set(simulator.Trouble{})
	b.attached()
	if err := b.do(ticket("other", "A-018")); err != nil {
		t.Fatal(err)
	}
	if got := b.tickets("A-018"); got != 1 {
		t.Errorf("%d tickets after the new roll, want 1: %+v", got, b.sim.Papers())
	}
	if got := b.tickets("A-017"); got > 1 {
		t.Errorf("%d tickets of who has gone; the printer's own memory holds one at most", got)
	}
}

func TestPrinterThatNeverAnswers(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{Mute: true})
	b.attached()
	if err := b.do(ticket("cmd", "A-017")); err != nil {
		t.Fatal(err)
	}
	b.until("the ticket", func() bool { return b.tickets("A-017") == 1 })
	if b.dev.Says().Answers || b.dev.Status().Reason == "" {
		t.Errorf("a mute printer is said to answer: %+v", b.dev.Status())
	}
}

// A printer that tells no version, and takes the question for text at worst, prints
// its tickets all the same.
func TestPrinterWithoutAVersion(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{Nameless: true})
	b.attached()
	if err := b.do(ticket("cmd", "A-017")); err != nil {
		t.Fatal(err)
	}
	if st := b.dev.Status(); st.Firmware != "" || st.State != devices.Attached || b.tickets("A-017") != 1 {
		t.Errorf("%+v, %d tickets", st, b.tickets("A-017"))
	}
}

func TestEndlessNoiseIsALoss(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{Garbage: true})
	b.lost("sends what no printer sends")
	if err := b.do(ticket("cmd", "A-017")); !errors.Is(err, devices.ErrAbsent) {
		t.Errorf("Do = %v, want absent", err)
	}
}

func TestSlowPrinterIsWaitedFor(t *testing.T) {
	b := newBench(t, func(c *printer.Config) { c.CodePage, c.Width = printer.Picture, 384 }, simulator.Trouble{})
	b.attached()
	b.sim.Set(simulator.Trouble{Slow: 5 * time.Millisecond})
	if err := b.do(ticket("cmd", "A-017")); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range b.sim.Papers() {
		found = found || p.Picture != nil && p.Picture.Rect.Dx() == 384
	}
	if !found {
		t.Error("no picture came out")
	}
}

// A connection that takes nothing and gives nothing: everybody who waits has an
// end, and so has the queue.
func TestDeafPrinterHoldsNobody(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{})
	b.attached()
	b.sim.Set(simulator.Trouble{Deaf: true})
	ctx, cancel := context.WithTimeout(b.ctx, 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	refused := make(chan error, 64)
	for i := range 64 {
		wg.Go(func() { refused <- b.dev.Do(ctx, ticket(fmt.Sprint("cmd-", i), "A-017")) })
	}
	wg.Wait()
	close(refused)
	busy := 0
	for err := range refused {
		if err == nil {
			t.Error("a ticket that nobody took was said to be printed")
		}
		if errors.Is(err, printer.ErrBusy) {
			busy++
		}
	}
	if busy == 0 {
		t.Error("the queue has no bound")
	}
	b.sim.Set(simulator.Trouble{})
	b.attached()
}

func TestWhatIsNoTicketIsRefused(t *testing.T) {
	b := newBench(t, nil, simulator.Trouble{})
	b.attached()
	for name, c := range map[string]devices.Command{
		"verb":   {ID: "1", Verb: "open-drawer"},
		"no id":  {Verb: printer.PrintTicket, Args: ticket("", "A-017").Args},
		"person": {ID: "2", Verb: printer.PrintTicket, Args: map[string]string{"number": "Ada"}},
	} {
		if err := b.do(c); !errors.Is(err, devices.ErrUnsupported) {
			t.Errorf("%s: Do = %v, want unsupported", name, err)
		}
	}
	for _, p := range b.sim.Papers() { // the strip that the first connection cuts off
		if !p.Empty() {
			t.Errorf("something was printed: %+v", p)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"tcp:192.0.2.7": "tcp:192.0.2.7:9100", "tcp:printer.clinic.example:9101": "tcp:printer.clinic.example:9101", "tcp:[2001:db8::7]:9100": "tcp:[2001:db8::7]:9100",
		"usb:04b8:0e15": "usb:04b8:0e15", "/dev/usb/lp0": "/dev/usb/lp0", "serial:usb:04b8:0202:S1": "serial:usb:04b8:0202:S1", "serial:/dev/ttyS0": "serial:/dev/ttyS0", "com3": "COM3",
	} {
		got, err := printer.ParseAddress(in)
		if err != nil || got.String() != want {
			t.Errorf("ParseAddress(%s) = %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "tcp:", "tcp:host:0", "tcp:host:99999", "tcp:ho st", "tcp:a/b:1", "usb:zz", "http://x", "lp0", "serial:"} {
		if got, err := printer.ParseAddress(in); err == nil {
			t.Errorf("ParseAddress(%q) = %s, want an error", in, got)
		}
	}
}

func TestProbe(t *testing.T) {
	sim, err := simulator.NewReceiptPrinter("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = sim.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	dev, err := printer.New(printer.Config{ID: "ticket", Address: sim.Address()}, words(t), devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if got := dev.Probe(ctx); got.Outcome != devices.Ready {
		t.Errorf("Probe = %+v, want ready", got)
	}
	sim.Set(simulator.Trouble{CoverOpen: true})
	if got := dev.Probe(ctx); got.Outcome != devices.Failed || got.Reason != printer.ReasonCover || got.Hint == "" {
		t.Errorf("Probe of an open printer = %+v", got)
	}
	if got := sim.Papers(); len(got) != 0 {
		t.Errorf("a probe printed %+v", got)
	}
}

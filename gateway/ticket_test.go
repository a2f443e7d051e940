package gateway_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/webtest"
)

// withPrinter gives the clinic a simulated receipt printer.
func withPrinter(t *testing.T, trouble simulator.Trouble) (*simulator.ReceiptPrinter, func(*config.Config)) {
	t.Helper()
	sim, err := simulator.NewReceiptPrinter("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sim.Set(trouble)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = sim.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return sim, func(c *config.Config) {
		c.Devices = append(c.Devices, config.Device{ID: "tickets", Class: devices.Printer, Port: sim.Address()})
	}
}

// tickets are the papers that something is on.
func tickets(sim *simulator.ReceiptPrinter) []simulator.Paper {
	return slices.DeleteFunc(sim.Papers(), simulator.Paper.Empty)
}

// paper waits until the page says so of the ticket on paper.
func (c *clinic) paper(b *webtest.Browser, state, paper string) {
	c.t.Helper()
	var v webtest.View
	for range 200 {
		ctx, cancel := context.WithTimeout(c.t.Context(), 100*time.Millisecond)
		v, _ = b.Until(ctx, state)
		cancel()
		if v.State == state && v.Done != nil && v.Done.Paper == paper {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.t.Fatalf("the page shows %+v %+v, want %s with the ticket %q\n%s", v, v.Done, state, paper, c.log.String())
}

// checkedIn goes through a check-in up to its last screen, which stays.
func (c *clinic) checkedIn(b *webtest.Browser, code string) (number string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	press := func(event string, more map[string]any) {
		c.t.Helper()
		if err := b.Press(ctx, event, more); err != nil {
			c.t.Fatal(err)
		}
	}
	if _, err := b.Until(ctx, "attract"); err != nil {
		c.t.Fatal(err)
	}
	press("start", nil)
	press("choose", map[string]any{"language": "en"})
	press("ready", nil)
	press("code", map[string]any{"code": code})
	for {
		v, err := b.Until(ctx, "confirm", "consent", "done", "refused")
		if err != nil {
			c.t.Fatal(err)
		}
		switch v.State {
		case "confirm":
			press("confirm", nil)
		case "consent":
			press("decide", map[string]any{"form": v.Form.ID, "shown": fmt.Sprintf("%x", sha256.Sum256([]byte(v.Form.Text))), "granted": true})
		case "done":
			return v.Done.Ticket
		default:
			c.t.Fatalf("refused: %+v", v.Refusal)
		}
	}
}

// again comes back with a code.
func (c *clinic) again(b *webtest.Browser, code string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.Until(ctx, "attract", "done", "already"); err != nil {
		c.t.Fatal(err)
	}
	for _, press := range []struct {
		event string
		more  map[string]any
	}{{"leave", nil}, {"start", nil}, {"choose", map[string]any{"language": "en"}}, {"ready", nil}, {"scan", map[string]any{"code": code}}} {
		if err := b.Press(ctx, press.event, press.more); err != nil {
			c.t.Fatal(err)
		}
	}
	if v, err := b.Until(ctx, "already"); err != nil {
		c.t.Fatalf("%v: %+v", err, v)
	}
}

func (c *clinic) printerIs(state string) {
	c.t.Helper()
	c.eventually("printer "+state, func() bool {
		list, err := c.control.Devices(c.t.Context())
		if err != nil {
			return false
		}
		for _, d := range list.Devices {
			if d.ID == "tickets" && d.State == state {
				return true
			}
		}
		return false
	})
}

// The ticket follows the last button, once; a restart prints nothing; the ticket
// itself brings its patient back to her place, and another one when she asks.
func TestTicketFollowsTheLastButton(t *testing.T) {
	t.Parallel()
	sim, with := withPrinter(t, simulator.Trouble{})
	c := newClinic(t, with)
	c.printerIs("attached")
	code := c.admit("apt-1")
	b := c.browser()
	number := c.checkedIn(b, code)
	c.paper(b, "done", "printed")
	papers := tickets(sim)
	if len(papers) != 1 || !strings.Contains(papers[0].Text, number) || !strings.Contains(papers[0].Text, "Blue chairs") || len(papers[0].QR) != 1 {
		t.Fatalf("papers %+v, want one ticket %s", papers, number)
	}
	if text := papers[0].Text; strings.Contains(text, "Ada") || strings.Contains(text, "Fictional") || strings.Contains(text, "Dr.") || strings.Contains(text, "1950") {
		t.Errorf("the ticket is about a person:\n%s", text)
	}
	if got := c.audited(kiosk.TicketPrinted); !slices.Equal(got, []string{"print"}) {
		t.Errorf("audit %q", got)
	}

	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.start()
	c.printerIs("attached")
	b = c.browser()
	c.again(b, papers[0].QR[0])
	c.paper(b, "already", "offered")
	v, err := b.Until(t.Context(), "already")
	if err != nil || v.Done.Ticket != number {
		t.Errorf("the ticket shows %+v, %v, want %s", v.Done, err, number)
	}
	if got := tickets(sim); len(got) != 1 {
		t.Errorf("%d tickets after a restart and a scan, want the one", len(got))
	}
	if err := b.Press(t.Context(), "print", nil); err != nil {
		t.Fatal(err)
	}
	c.paper(b, "already", "printed")
	if got := tickets(sim); len(got) != 2 || got[1].QR[0] != papers[0].QR[0] {
		t.Errorf("%+v, want a second ticket of the same place", got)
	}
	if got := c.audited(kiosk.TicketPrinted); len(got) != 2 || !slices.Contains(got, "print again") {
		t.Errorf("audit %q", got)
	}
}

// Without paper the check-in is the same: the number is on the screen, the desk
// learns what to do, and after a new roll the code offers the ticket.
func TestPrinterWithoutPaperHoldsNobody(t *testing.T) {
	t.Parallel()
	sim, with := withPrinter(t, simulator.Trouble{PaperOut: true})
	c := newClinic(t, with, withDesk)
	c.printerIs("lost")
	code := c.admit("apt-1")
	desk := c.deskOf()
	desk.see("the alarm", func(v deskView) bool {
		return v.Clinic != nil && len(v.Clinic.Ailing) == 1 && v.Clinic.Ailing[0].Device == "tickets" && v.Clinic.Ailing[0].Why == "paper"
	})
	b := c.browser()
	number := c.checkedIn(b, code)
	c.paper(b, "done", "")
	if number == "" {
		t.Error("no number on the screen")
	}
	c.eventually("the failure on record", func() bool {
		return slices.Equal(c.audited(kiosk.TicketNotPrinted), []string{"print: paper has run out"})
	})
	sim.Set(simulator.Trouble{})
	c.printerIs("attached")
	c.again(b, code)
	c.paper(b, "already", "offered")
	if got := tickets(sim); len(got) != 0 {
		t.Errorf("a ticket came out for who had gone: %+v", got)
	}
	if err := b.Press(t.Context(), "print", nil); err != nil {
		t.Fatal(err)
	}
	c.paper(b, "already", "printed")
	desk.see("no alarm", func(v deskView) bool { return v.Clinic != nil && len(v.Clinic.Ailing) == 0 })
	if got := tickets(sim); len(got) != 1 || !strings.Contains(got[0].Text, number) {
		t.Errorf("papers %+v, want %s", got, number)
	}
}

// A printer that says nothing prints, and the page promises nothing.
func TestMutePrinterIsNotBelieved(t *testing.T) {
	t.Parallel()
	sim, with := withPrinter(t, simulator.Trouble{Mute: true})
	c := newClinic(t, with)
	c.printerIs("attached")
	b := c.browser()
	number := c.checkedIn(b, c.admit("apt-1"))
	c.eventually("a ticket", func() bool { got := tickets(sim); return len(got) == 1 && strings.Contains(got[0].Text, number) })
	c.eventually("it on record", func() bool { return slices.Equal(c.audited(kiosk.TicketPrinted), []string{"print, not confirmed"}) })
	c.paper(b, "done", "offered")
}

// A technician's test prints a number that no patient gets.
func TestTechnicianTriesThePrinter(t *testing.T) {
	t.Parallel()
	sim, with := withPrinter(t, simulator.Trouble{})
	c := newClinic(t, with)
	c.printerIs("attached")
	got, err := c.control.TryDevice(t.Context(), control.DeviceUnit{ID: "tickets"})
	if err != nil || !strings.Contains(got.Notice, "A-000") {
		t.Fatalf("try: %+v, %v", got, err)
	}
	if papers := tickets(sim); len(papers) != 1 || !strings.Contains(papers[0].Text, "A-000") {
		t.Errorf("papers %+v", papers)
	}
}

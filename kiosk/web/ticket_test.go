package web_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

// paperPrinter is a scripted printer.
type paperPrinter struct {
	mu    sync.Mutex
	state web.TicketState
	of    map[uuid.UUID]web.TicketState // instead, for some
	asked []uuid.UUID
}

func (p *paperPrinter) Ticket(entry uuid.UUID) web.TicketState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state, ok := p.of[entry]; ok {
		return state
	}
	return p.state
}

func (p *paperPrinter) Reprint(_ context.Context, _ string, entry uuid.UUID, _ string, _ uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, entry)
	p.state = web.TicketPrinting
}

// TestWordsOfATicket: a ticket has a language's own sentences, plural forms and
// letters; what the page says in a language, paper can say.
func TestWordsOfATicket(t *testing.T) {
	papers, err := web.Papers([]string{"en", "es", "zh-Hans", "vi", "ar"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		about, between string
		rtl            bool
	}{
		{"about 1 minute", "10 to 25 minutes", false}, {"alrededor de 1 minuto", "de 10 a 25 minutos", false},
		{"约 1 分钟", "10 至 25 分钟", false}, {"khoảng 1 phút", "10 đến 25 phút", false}, {"حوالي دقيقة واحدة", "من 10 إلى 25 دقيقة", true},
	} {
		p := papers[i]
		if got := p.Minutes(0, 1); got != want.about {
			t.Errorf("%s: one minute is %q, want %q", p.Tag, got, want.about)
		}
		if got := p.Minutes(10, 25); got != want.between {
			t.Errorf("%s: a range is %q, want %q", p.Tag, got, want.between)
		}
		if p.RTL != want.rtl || p.Number == "" || p.Where == "" || p.Wait == "" || p.Note == "" || len(p.Letters) < 8 {
			t.Errorf("%s: %+v lacks something", p.Tag, p.Tag)
		}
	}
}

// TestTicketIsSaidAsItIs: the page promises paper only when the printer has said
// so, and offers another ticket to who scans again, and only then.
func TestTicketIsSaidAsItIs(t *testing.T) {
	t.Parallel()
	desk, paper := newClinic(), &paperPrinter{state: web.TicketPrinting}
	desk.outcome["ALREADY1"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingWaiting, Done: web.Done{Ticket: "A-003"}}
	desk.outcome["GONE0001"] = web.Identified{Outcome: web.Already, Entry: entryOne, Standing: web.StandingLeft, Done: web.Done{Ticket: "A-003"}}
	s := start(t, web.Config{}, web.Deps{CheckIn: desk, Tickets: paper})
	c := launched(t, s)
	c.act("scan", map[string]any{"code": goodScan})
	c.choose("en")
	c.confirmed()
	c.answer(true)
	c.answer(true)
	if p := c.want(web.Finished); p.Done.Paper != web.TicketPrinting {
		t.Errorf("at the last button: %q", p.Done.Paper)
	}
	if w := c.post(newRequestID(), c.now.Session, "print", nil); w.Code != http.StatusConflict {
		t.Errorf("printing again while it prints: %d, want 409", w.Code)
	}
	rev := c.now.Rev
	paper.mu.Lock()
	paper.state = web.TicketPrinted
	paper.mu.Unlock()
	s.TicketChanged()
	c.act("active", nil)
	if p := c.want(web.Finished); p.Done.Paper != web.TicketPrinted || p.Rev == rev {
		t.Errorf("printed: %q at revision %d, was %d", p.Done.Paper, p.Rev, rev)
	}
	c.act("leave", nil)

	paper.mu.Lock()
	paper.state = web.TicketOffered
	paper.mu.Unlock()
	for code, want := range map[string]web.TicketState{"ALREADY1": web.TicketOffered, "GONE0001": web.TicketNone} {
		c.act("start", nil)
		c.choose("en")
		c.act("code", map[string]any{"code": code})
		if p := c.want(web.Known); p.Done.Paper != want {
			t.Errorf("%s: %q, want %q", code, p.Done.Paper, want)
		}
		status := http.StatusOK
		if want == web.TicketNone {
			status = http.StatusConflict
		}
		if w := c.post(newRequestID(), c.now.Session, "print", nil); w.Code != status {
			t.Errorf("%s: print again: %d, want %d", code, w.Code, status)
		}
		paper.mu.Lock()
		paper.state = web.TicketOffered
		paper.mu.Unlock()
		c.act("leave", nil)
	}
	if len(paper.asked) != 1 || paper.asked[0] != entryOne {
		t.Errorf("asked for %v, want one ticket of %s", paper.asked, entryOne)
	}
}

// TestPartyTakesItsTickets: a family is told to take its tickets when each number is
// on paper, and to remember its numbers until then.
func TestPartyTakesItsTickets(t *testing.T) {
	t.Parallel()
	desk := family(1)
	child := desk.outcome["CHK1:CHILD1"].Entry
	paper := &paperPrinter{state: web.TicketPrinted, of: map[uuid.UUID]web.TicketState{child: web.TicketPrinting}}
	s := start(t, web.Config{}, web.Deps{CheckIn: desk, Tickets: paper})
	c := launched(t, s)
	c.toConsent()
	c.answer(true)
	c.answer(true)
	if p := c.want(web.Finished); p.Done.Paper != web.TicketPrinted || p.Party.Paper != web.TicketNone {
		t.Errorf("one alone: %q, party %q", p.Done.Paper, p.Party.Paper)
	}
	c.act("another", nil)
	c.act("scan", map[string]any{"code": "CHK1:CHILD1"})
	c.act("confirm", nil)
	c.act("nobody", nil)
	if p := c.want(web.Finished); len(p.Party.People) != 2 || p.Party.Paper != web.TicketNone {
		t.Errorf("one ticket of two is out, and the page has %+v", p.Party)
	}
	paper.mu.Lock()
	paper.of[child] = web.TicketPrinted
	paper.mu.Unlock()
	s.TicketChanged()
	if p := c.look(); p.Party.Paper != web.TicketPrinted {
		t.Errorf("both tickets are out, and the page has %+v", p.Party)
	}
}

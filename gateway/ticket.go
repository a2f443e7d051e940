package gateway

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/devices/printer"
	"clinicgate/gateway/config"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

const (
	printWithin  = 25 * time.Second // as long as a patient may stand there
	maxTickets   = 32               // that wait to be printed
	maxPrints    = 4                // of one entry; whoever wants more asks the desk
	maxIssued    = 4096             // entries that are remembered
	ailingEvery  = time.Second
	recordWithin = 2 * time.Second
)

// tickets prints the tickets of this kiosk's patients. A ticket follows "done" and
// never comes before it; of each entry one is printed, by a command whose id
// derives from the entry's, and others only when they are asked for. A ticket that
// did not come out is not printed later by itself: its patient has gone on with
// the number on the screen. After a restart nothing is printed that was not asked
// for since.
type tickets struct {
	*Gateway
	device devices.ID
	queue  chan printing
	bell   bell

	mu     sync.Mutex // guards what follows
	issued map[kiosk.EntryID]*paper
	order  []kiosk.EntryID // of issued, oldest first
	failed time.Time       // when the last ticket was not printed; zero: it was
}

// paper is what became of an entry's tickets in this process.
type paper struct {
	state web.TicketState
	times int
}

// printing is a ticket to be printed.
type printing struct {
	entry    kiosk.EntryID
	language string
	act      kiosk.Act
	again    bool // it was asked for
	until    time.Time
}

func (g *Gateway) newPrinter(d config.Device, deps devices.Deps) (devices.Device, error) {
	papers, err := web.Papers(g.cfg.Kiosk.Languages, g.texts())
	if err != nil {
		return nil, err
	}
	var words []printer.Words
	for _, p := range papers {
		words = append(words, printer.Words{Tag: p.Tag, RTL: p.RTL, Title: p.Number, Where: p.Where, Wait: p.Wait, Note: p.Note, Fonts: p.Letters, Minutes: p.Minutes})
	}
	c := d.Printer()
	c.Clinic, c.Zone = g.cfg.Kiosk.Clinic, g.cfg.Kiosk.Location()
	for _, d := range g.cfg.Departments {
		for _, where := range d.Where {
			c.Places = append(c.Places, where)
		}
	}
	made, err := printer.New(c, words, deps)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// printOn makes the first printer that is not disabled, on whatever transport, the
// one that tickets come out of.
func (g *Gateway) printOn(d config.Device) {
	if g.tickets == nil && d.Class == devices.Printer && !d.Disabled {
		g.tickets = &tickets{Gateway: g, device: devices.ID(d.ID), queue: make(chan printing, maxTickets), issued: map[kiosk.EntryID]*paper{}}
	}
}

// unit is what has the place of the printer now, or nil.
func (t *tickets) unit() devices.Device {
	d, err := t.devices.Get(t.device)
	if err != nil {
		return nil
	}
	return d
}

// texts is where the clinic has its own texts of the page.
func (g *Gateway) texts() fs.FS {
	if dir := g.cfg.Web.Texts; dir != "" {
		return os.DirFS(dir)
	}
	return nil
}

// Ticket implements web.Tickets.
func (t *tickets) Ticket(entry uuid.UUID) web.TicketState {
	unit := t.unit()
	ready := unit != nil && unit.Status().State == devices.Attached
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.issued[kiosk.EntryID(entry)]
	switch {
	case p != nil && p.state != web.TicketNone:
		return p.state
	case ready && (p == nil || p.times < maxPrints):
		return web.TicketOffered
	}
	return web.TicketNone
}

// Reprint implements web.Tickets.
func (t *tickets) Reprint(_ context.Context, session string, entry uuid.UUID, language string, request uuid.UUID) {
	act := kiosk.Act{ID: request, Actor: kiosk.Actor{Kind: kiosk.ActorPatient, ID: session}, Session: session}
	t.ask(printing{entry: kiosk.EntryID(entry), language: language, act: act, again: true})
}

// issue prints the first ticket of an entry whose patient is done.
func (t *tickets) issue(session string, entry kiosk.EntryID, language string) {
	if t == nil {
		return
	}
	id := kiosk.DeriveID(uuid.UUID(entry), "ticket", string(t.self))
	t.ask(printing{entry: entry, language: language,
		act: kiosk.Act{ID: id, Actor: kiosk.Actor{Kind: kiosk.ActorDevice, ID: string(t.device)}, Session: session}})
}

// scanned says that the patient is here again, who may want another ticket.
func (t *tickets) scanned(entry kiosk.EntryID) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.issued[entry]; p != nil && p.state == web.TicketPrinted {
		p.state = web.TicketNone
	}
}

// ask takes a ticket on, or leaves it: nobody waits for this.
func (t *tickets) ask(p printing) {
	p.until = time.Now().Add(printWithin)
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.issued[p.entry]
	if known == nil {
		known = &paper{}
		if len(t.order) >= maxIssued {
			delete(t.issued, t.order[0])
			t.order = t.order[1:]
		}
		t.issued[p.entry], t.order = known, append(t.order, p.entry)
	} else if !p.again || known.state == web.TicketPrinting || known.times >= maxPrints {
		return
	}
	select {
	case t.queue <- p:
		known.state = web.TicketPrinting
		known.times++
	default:
		t.failed = time.Now()
	}
}

// run prints what was asked for, and tells page and desk what changes.
func (t *tickets) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { t.watch(ctx) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-t.queue:
			t.print(ctx, p)
		}
	}
}

func (g *Gateway) runTickets(ctx context.Context) error {
	if g.tickets == nil {
		<-ctx.Done()
		return nil
	}
	return g.tickets.run(ctx)
}

// print carries out one printing and records it.
func (t *tickets) print(ctx context.Context, p printing) {
	action := "print"
	if p.again {
		action = "print again"
	}
	state := web.TicketNone
	err := t.send(ctx, p)
	facts := kiosk.AuditFacts{Action: action, Resource: p.entry.String(), Session: p.act.Session}
	audit := kiosk.TicketPrinted
	switch {
	case errors.Is(err, errPrinted):
		t.became(p.entry, state, true)
		return
	case err != nil:
		audit = kiosk.TicketNotPrinted
		facts.Action, facts.Outcome = action+": "+printFault(err), kiosk.OutcomeFailure
		t.log.Warn("ticket was not printed", "device", string(t.device), "reason", printFault(err))
	case t.confirms():
		state = web.TicketPrinted
	default:
		facts.Action += ", not confirmed"
	}
	t.became(p.entry, state, err == nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	if err := t.audit(ctx, p.act, audit, facts); err != nil {
		t.log.Error("ticket was not recorded", "error", err)
	}
}

// confirms reports whether the printer says what became of a ticket.
func (t *tickets) confirms() bool {
	p, own := t.unit().(*printer.Printer)
	return !own || p.Says().Answers // one on MQTT has answered, or it would have failed
}

// errPrinted: this entry's own ticket was printed before, by a process of before.
var errPrinted = errors.New("printed before")

// send gives the ticket to the printer and waits for what becomes of it.
func (t *tickets) send(ctx context.Context, p printing) error {
	ctx, cancel := context.WithDeadline(ctx, p.until)
	defer cancel()
	st, ok := t.Gateway.queue.State(p.entry)
	if !ok {
		return errNoTicket
	}
	if !p.again {
		before := false
		if err := t.store.View(ctx, func(r *storage.Reader) error {
			_, before = r.Lookup(p.act.EventID("audit/"+string(kiosk.TicketPrinted), p.entry.String()))
			return nil
		}); err != nil {
			return err
		}
		if before {
			return errPrinted
		}
	}
	ticket := printer.Ticket{Number: t.Gateway.queue.Number(st), Language: p.language, At: t.clock.Now().Wall, Code: t.checkin.TicketCode(p.entry)}
	if !st.Entry.HasFlag(kiosk.FlagProvisional) { // else where to wait is not known yet
		ticket.Where = t.departmentWhere(string(st.Entry.Department), p.language)
		if low, high, known := t.Gateway.queue.Wait(p.entry); known {
			ticket.WaitLow, ticket.WaitHigh = low, high
		}
	}
	if _, own := t.unit().(*printer.Printer); !own && !mqtt.Label(ticket.Where) {
		ticket.Where = "" // the page has said it
	}
	return t.devices.Do(ctx, t.device, devices.Command{ID: p.act.ID.String(), Verb: printer.PrintTicket, Args: ticket.Args()})
}

var errNoTicket = errors.New("entry is gone")

// printFault says in fixed words why a ticket was not printed.
func printFault(err error) string {
	f, ok := errors.AsType[*devices.Fault](err)
	switch {
	case ok:
		return f.Reason
	case errors.Is(err, devices.ErrAbsent):
		return "printer is not there"
	case errors.Is(err, printer.ErrBusy):
		return "too many tickets wait"
	case errors.Is(err, context.DeadlineExceeded):
		return "printer did not finish in time"
	case errors.Is(err, context.Canceled):
		return "service was stopped"
	}
	return "ticket cannot be printed"
}

// became notes the outcome, and tells the page and the desk.
func (t *tickets) became(entry kiosk.EntryID, state web.TicketState, printed bool) {
	t.mu.Lock()
	if p := t.issued[entry]; p != nil {
		p.state = state
	}
	t.failed = time.Time{}
	if !printed {
		t.failed = time.Now()
	}
	t.mu.Unlock()
	t.web.TicketChanged()
	t.bell.ring()
}

// watch tells the page and the desk when the printer comes to need somebody, and
// when it does no more.
func (t *tickets) watch(ctx context.Context) {
	tick := time.NewTicker(ailingEvery)
	defer tick.Stop()
	var before []desk.Ailing
	for {
		if now := t.ailing(); !slices.Equal(now, before) {
			before = now
			t.web.TicketChanged()
			t.bell.ring()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ailing is what staff have to mend so that tickets are printed; nothing: all is
// well.
func (t *tickets) ailing() []desk.Ailing {
	if t == nil {
		return nil
	}
	unit := t.unit()
	if unit == nil {
		return nil
	}
	st := unit.Status()
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	out := desk.Ailing{Device: string(st.ID), Since: st.Since}
	switch {
	case st.State == devices.Lost:
		out.Why = ailment(st.Reason)
	case st.State == devices.Attached && st.Reason == printer.ReasonLow:
		out.Why, out.Since = "low", time.Time{}
	case st.State == devices.Attached && !failed.IsZero():
		out.Why, out.Since = "ticket", failed
	default:
		return nil
	}
	return []desk.Ailing{out}
}

// ailment is the desk's word for why a printer does not print.
func ailment(reason string) string {
	switch reason {
	case printer.ReasonPaper:
		return "paper"
	case printer.ReasonCover:
		return "cover"
	case printer.ReasonJam:
		return "jam"
	case printer.ReasonBroken, printer.ReasonOffline:
		return "fault"
	}
	return "gone"
}

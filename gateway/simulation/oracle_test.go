package simulation_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// place is where an event stands for good.
type place struct {
	kiosk, channel string
	inc            uint32
	seq            uint64
}

// acknowledged is an event as the outside oracle saw it in a store that had
// said it was there.
type acknowledged struct {
	id     uuid.UUID
	kind   string
	body   [32]byte
	hlc    storage.HLC
	boot   uuid.UUID
	mono   time.Duration
	synced bool

	conflict bool // it is the audit event of a conflict
}

// ledger is what the outside oracle knows of one kiosk's events.
type ledger struct {
	mu     *sync.Mutex
	events map[place]acknowledged
	seen   map[string]storage.Cursor
}

func newLedger() ledger {
	return ledger{mu: new(sync.Mutex), events: map[place]acknowledged{}, seen: map[string]storage.Cursor{}}
}

// record notes what the store has acknowledged since the last time.
func (m *machine) record() {
	p := m.process.Load()
	if p == nil {
		return
	}
	l := &m.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, st := range p.store.Streams() {
		for seen := l.seen[st.Channel]; seen.Less(st.Next); {
			list, err := p.store.Read(context.Background(), st.Channel, "", seen, 1000)
			if err != nil || len(list) == 0 {
				break // the store was closed meanwhile; a later look will see it
			}
			for _, r := range list {
				seen = storage.Cursor{Inc: r.Inc, Seq: r.Seq}
				l.events[place{string(m.id), st.Channel, r.Inc, r.Seq}] = acknowledged{
					r.ID, r.Kind, sha256.Sum256(r.Body), r.HLC, r.Boot, r.Mono, r.Synced, bytes.Contains(r.Body, []byte(kiosk.QueueConflict))}
			}
			l.seen[st.Channel] = seen
		}
	}
}

// oracle compares what everyone has in the end.
type oracle struct {
	*clinic
	failures []string
	believed map[string]map[uuid.UUID]string // by channel: ids that every kiosk must hold, and whose they are
}

const maxFailures = 25

func (o *oracle) fail(format string, args ...any) {
	if len(o.failures) < maxFailures {
		o.failures = append(o.failures, fmt.Sprintf(format, args...))
	}
}

// judge gives what is wrong with a run; nothing, if all is well.
func (c *clinic) judge() []string {
	o := &oracle{clinic: c, believed: map[string]map[uuid.UUID]string{}}
	for _, m := range c.machines {
		m.record()
	}
	o.failures = append(o.failures, c.cloud.broken...)
	o.published()
	for _, m := range c.machines {
		o.equation(m)
		o.received(m)
		o.clocks(m)
		o.log(m)
	}
	o.converged()
	o.nothingForged()
	o.deskWorks()
	return o.failures
}

// published: every acknowledged event is with PubNub, nothing else is, each
// place holds one event, and a stream's events first came in their order.
func (o *oracle) published() {
	keys := map[string]*machine{}
	acked := map[place]acknowledged{}
	for _, m := range o.machines {
		keys[string(m.id)] = m
		maps.Copy(acked, m.ledger.events)
	}
	type stream struct {
		kiosk, channel string
		inc            uint32
	}
	last, seen := map[stream]uint64{}, map[place]bool{}
	for _, msg := range o.cloud.all() {
		if msg.sender == byProvider {
			o.believe(msg.Channel, uuid.Nil, "@"+msg.Publisher)
		}
		if msg.sender != byKiosk {
			continue
		}
		if !msg.parsed || !msg.env.Signed || keys[msg.env.GW.Kiosk] == nil || msg.env.Verify(msg.Channel, keys[msg.env.GW.Kiosk].pub) != nil {
			o.fail("%s published what does not verify on %s", msg.Publisher, msg.Channel)
			continue
		}
		for _, e := range msg.env.Events {
			at := place{e.GW.Kiosk, msg.Channel, e.GW.Inc, e.GW.Seq}
			a, known := acked[at]
			switch {
			case !known:
				o.fail("phantom: %+v was published and never acknowledged", at)
			case a.id != e.GW.ID || a.body != sha256.Sum256(e.Shape()) || a.hlc != e.GW.HLC || a.synced != e.GW.Synced:
				o.fail("%+v was published as another event than was acknowledged", at)
			}
			if seen[at] {
				continue
			}
			seen[at] = true
			o.believe(msg.Channel, e.GW.ID, e.GW.Kiosk)
			s := stream{e.GW.Kiosk, msg.Channel, e.GW.Inc}
			if e.GW.Seq < last[s] {
				o.fail("inversion: %+v came first after %d", at, last[s])
			}
			last[s] = e.GW.Seq
		}
	}
	gone := o.gaps()
	for at, a := range acked {
		if !seen[at] && !gone[at] {
			o.fail("lost: %s at %+v is not with PubNub", a.kind, at)
		}
	}
}

func (o *oracle) believe(channel string, id uuid.UUID, source string) {
	if id == uuid.Nil { // unsigned: the id is the reader's own; the number counts
		id = uuid.NewSHA1(uuid.Nil, fmt.Append(nil, source, len(o.believed[channel])))
	}
	if o.believed[channel] == nil {
		o.believed[channel] = map[uuid.UUID]string{}
	}
	o.believed[channel][id] = source
}

// gaps lists the places that a kiosk said will not come: poisoned ones, and
// heartbeats that grew old unsent.
func (o *oracle) gaps() map[place]bool {
	gone := map[place]bool{}
	for _, m := range o.machines {
		list, err := m.process.Load().store.Gaps(context.Background(), 100_000)
		if err != nil {
			o.fail("kiosk %s: %v", m.id, err)
		}
		for _, g := range list {
			for seq := g.First; seq <= g.Last; seq++ {
				at := place{string(m.id), g.Channel, g.Inc, seq}
				a := m.ledger.events[at]
				if !(g.Outcome == storage.Quarantined && o.poisoned(g.Channel, gwOf(at)) || g.Outcome == storage.Expired && a.kind == "device/HEARTBEAT") {
					o.fail("%s %+v was given up: %v", a.kind, at, g.Outcome)
				}
				gone[at] = true
			}
		}
	}
	return gone
}

func gwOf(at place) wire.GW { return wire.GW{Kiosk: at.kiosk, Inc: at.inc, Seq: at.seq} }

// equation: accepted = delivered + queued + quarantined + expired + dropped +
// unreadable, with nothing queued, dropped or unreadable in the end.
func (o *oracle) equation(m *machine) {
	c := m.process.Load().store.Status().Counts
	if !c.Balanced() || c.Queued+c.Dropped+c.Unreadable != 0 || c.Accepted != uint64(len(m.ledger.events)) {
		o.fail("kiosk %s: loss equation %+v over %d acknowledged events", m.id, c, len(m.ledger.events))
	}
}

// received: every believed event of the others is in the store exactly once.
func (o *oracle) received(m *machine) {
	p := m.process.Load()
	for _, channel := range o.durable() {
		if ch, _ := kiosk.ParseChannel(channel); ch.Family == kiosk.DeviceFamily || ch.Family == kiosk.RosterFamily {
			continue // not kept for as long as a run may last
		}
		want := map[string]int{}
		for id, source := range o.believed[channel] {
			if source == string(m.id) {
				continue
			}
			want[source]++
			if source[0] == '@' {
				continue
			}
			if err := p.store.View(context.Background(), func(r *storage.Reader) error {
				if _, ok := r.Lookup(id); !ok {
					o.fail("kiosk %s: event %v of %s on %s is not there", m.id, id, source, channel)
				}
				return nil
			}); err != nil {
				o.fail("kiosk %s: %v", m.id, err)
			}
		}
		for _, source := range o.sources() {
			got, err := p.store.Read(context.Background(), channel, source, storage.Cursor{}, 100_000)
			if err != nil || source != string(m.id) && len(got) != want[source] {
				o.fail("kiosk %s holds %d events of %s on %s, want %d (%v)", m.id, len(got), source, channel, want[source], err)
			}
		}
	}
}

// sources lists everyone who may have said something, with some who must not.
func (o *oracle) sources() []string {
	list := []string{retiredKiosk, "@mallory"}
	for _, m := range o.machines {
		list = append(list, string(m.id))
	}
	for _, p := range o.providers {
		list = append(list, "@"+string(p.ID))
	}
	return list
}

// clocks: an event of a trusted clock bears the time at which it was made.
func (o *oracle) clocks(m *machine) {
	const off = 6 * time.Minute // what a store follows another kiosk's clock, and a request's time
	wrong, example := 0, ""
	for at, a := range m.ledger.events {
		booted, known := m.boots[a.boot]
		if !known {
			o.fail("%+v was made in a boot that never was", at)
			continue
		}
		if truth := booted.Add(a.mono); a.synced && a.hlc.Time().Sub(truth).Abs() > off {
			wrong, example = wrong+1, fmt.Sprintf("%s at %+v was made at %v and bears %v", a.kind, at, truth, a.hlc.Time())
		}
	}
	if wrong > 0 {
		o.fail("kiosk %s: %d events of a trusted clock bear a wrong time: %s", m.id, wrong, example)
	}
}

// log: the audit log verifies from its first record.
func (o *oracle) log(m *machine) {
	a, err := m.process.Load().store.VerifyAudit(context.Background(), nil)
	if err != nil || !a.OK() {
		_, problem, _ := a.First()
		o.fail("kiosk %s: audit log: %v %v", m.id, problem, err)
	}
}

// view is what one kiosk shows.
type view struct {
	Entries   []queue.State
	Providers []string
	Help      []string
}

func (o *oracle) view(m *machine) view {
	p := m.process.Load()
	var v view
	today := calendar.Day(time.Now())
	for day := today.Add(-1); day <= today.Add(8); day = day.Add(1) {
		v.Entries = append(v.Entries, p.queue.States(day)...)
	}
	for _, s := range o.providers {
		v.Providers = append(v.Providers, fmt.Sprint(s.ID, " ", p.queue.Availability(s.ID), " ", p.queue.Room(s.ID)))
	}
	for _, h := range p.checkin.ActiveHelp() {
		if h.Kind != checkin.AtConsent { // a kiosk's own affair
			v.Help = append(v.Help, fmt.Sprint(h.ID, h.Department, h.Severity))
		}
	}
	slices.Sort(v.Help)
	return v
}

// converged: all kiosks show the same.
func (o *oracle) converged() {
	first := o.view(o.machines[0])
	for _, m := range o.machines[1:] {
		v := o.view(m)
		if diff := gocmp.Diff(first, v, gocmp.Comparer(sameState)); diff != "" {
			o.fail("kiosks %s and %s differ:\n%s%s", o.machines[0].id, m.id, shorten(diff), o.differing(first, v, o.machines[0], m))
		}
	}
}

// sameState compares all that a state shows.
func sameState(a, b queue.State) bool { return describe(a) == describe(b) }

func describe(s queue.State) string { return fmt.Sprintf("%+v", s) }

func shorten(s string) string { return s[:min(len(s), 3000)] }

// differing tells what two kiosks make of the first entry on which they differ.
func (o *oracle) differing(a, b view, at, bt *machine) string {
	byID := map[kiosk.EntryID]queue.State{}
	for _, s := range b.Entries {
		byID[s.Entry.ID] = s
	}
	for _, s := range a.Entries {
		if t := byID[s.Entry.ID]; !sameState(s, t) {
			return fmt.Sprintf("\n%s: %s\n%s: %s", at.id, describe(s), bt.id, describe(t))
		}
	}
	return ""
}

// nothingForged: no trace of what only an attacker said.
func (o *oracle) nothingForged() {
	for _, m := range o.machines {
		p := m.process.Load()
		for _, s := range o.view(m).Entries {
			if text := describe(s); strings.Contains(text, "Z-666") || strings.Contains(text, "mallory") {
				o.fail("kiosk %s shows what was forged: %s", m.id, text)
			}
		}
		err := p.store.View(context.Background(), func(r *storage.Reader) error {
			for _, id := range o.forged {
				if _, there := r.Lookup(id); there {
					o.fail("kiosk %s stored the forged event %v", m.id, id)
				}
			}
			return nil
		})
		if err != nil {
			o.fail("kiosk %s: %v", m.id, err)
		}
	}
}

// deskWorks: after all this, the desk can still end every visit of the day.
func (o *oracle) deskWorks() {
	p := o.machines[int(o.seed%uint64(len(o.machines)))].process.Load()
	for _, s := range p.queue.States(p.queue.Today()) {
		to := kiosk.Cancelled
		switch s.Entry.Status {
		case kiosk.InConsultation:
			to = kiosk.Completed
		case kiosk.CheckedIn, kiosk.Waiting:
		default:
			continue
		}
		act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorStaff, ID: "cleo"})
		if err := p.change(act, func(tx *storage.Tx) error {
			_, err := p.queue.SetStatus(tx, act, s.Entry.ID, to)
			return err
		}); err != nil {
			o.fail("kiosk %s: the desk cannot end %v: %v", p.id, s.Entry.ID, err)
		}
	}
}

// digest is what a second run of the same seed must give again.
func (c *clinic) digest() string {
	h := sha256.New()
	for _, m := range c.cloud.all() {
		fmt.Fprintln(h, m.Timetoken, m.Channel, m.Publisher, m.sender, len(m.env.Events), m.env.GW.Seq, m.env.GW.First, m.env.GW.Last)
	}
	for _, m := range c.machines {
		list := slices.Collect(maps.Keys(m.ledger.events))
		slices.SortFunc(list, func(a, b place) int { return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.seq, b.seq)) })
		for _, at := range list {
			fmt.Fprintln(h, at, m.ledger.events[at].kind)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

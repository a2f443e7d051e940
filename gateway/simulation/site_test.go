package simulation_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/exchange"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// siteName is where all kiosks of a run stand.
const siteName = "main"

// site is the site's broker: between kiosks that reach it, messages are lost,
// repeated, late, and out of order. It keeps no sessions.
type site struct {
	*clinic
	lan *weather // over the way from each kiosk to the broker

	mu    sync.Mutex
	ports map[*port]struct{}    // guarded by mu
	dice  map[string]*rand.Rand // guarded by mu
	heard [][2]string           // guarded by mu: topics and payloads that went over it, for who plays them again
	told  exchange.Status       // guarded by mu: of processes that have ended
}

// port is one process's connection: an exchange.Bus.
type port struct {
	site      *site
	number    int
	id        string
	handle    func(ctx context.Context, topic string, payload []byte) error
	connected func()
	up        bool // guarded by site.mu
}

func newSite(c *clinic, lan *weather) *site {
	return &site{clinic: c, lan: lan, ports: map[*port]struct{}{}, dice: map[string]*rand.Rand{}}
}

// run connects whenever there is a way, until ctx ends.
func (p *port) run(ctx context.Context) error {
	s := p.site
	s.mu.Lock()
	s.ports[p] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.up = false
		delete(s.ports, p)
	}()
	for {
		linked := s.lan.linked(p.number)
		s.mu.Lock()
		was := p.up
		p.up = linked
		s.mu.Unlock()
		if linked && !was {
			p.connected()
		}
		if !wait(ctx, min(s.lan.turn(p.number), time.Minute)) {
			return nil
		}
	}
}

func (p *port) Subscribe(_ string, handle func(ctx context.Context, topic string, payload []byte) error) {
	p.handle = handle
}

func (p *port) Connected(f func()) { p.connected = f }

var errNoBroker = errors.New("no way to the broker")

// Publish implements exchange.Bus. The broker lets a kiosk write below its own id
// only.
func (p *port) Publish(ctx context.Context, topic string, payload []byte) error {
	s := p.site
	s.mu.Lock()
	up := p.up && s.lan.linked(p.number)
	d := s.die(p.id)
	s.mu.Unlock()
	if !up {
		wait(ctx, 20*time.Millisecond)
		return errNoBroker
	}
	if !strings.HasPrefix(topic, "clinicgate/"+siteName+"/x/"+p.id+"/") {
		s.t.Errorf("kiosk %s writes at %s", p.id, topic)
	}
	s.deliver(topic, payload)
	if s.lost(d) { // the acknowledgement
		return errNoBroker
	}
	if !wait(ctx, 2*time.Millisecond) {
		return ctx.Err()
	}
	return nil
}

func (s *site) lost(d *rand.Rand) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return d.Float64() < s.lan.rates.loseReply && !s.lan.over()
}

// die is the dice of a name. mu is held.
func (s *site) die(name string) *rand.Rand {
	d := s.dice[name]
	if d == nil {
		d = die(s.seed, "site "+name)
		s.dice[name] = d
	}
	return d
}

// deliver hands a message to everyone who is there, its writer too.
func (s *site) deliver(topic string, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heard) < 5000 {
		s.heard = append(s.heard, [2]string{topic, string(payload)})
	}
	for to := range s.ports {
		d := s.die("to " + to.id)
		delay, late := upTo(d, time.Millisecond, 5*time.Millisecond), upTo(d, 0, 20*time.Second)
		lose, slow, again := d.Float64(), d.Float64(), d.Float64()
		if s.lan.over() {
			lose, slow, again = 1, 1, 1
		}
		if slow < s.lan.rates.slow {
			delay = late
		}
		if lose >= s.lan.rates.loseRequest {
			s.hand(to, topic, payload, delay)
		}
		if again < s.lan.rates.duplicate {
			s.hand(to, topic, payload, delay+late)
		}
	}
}

func (s *site) hand(to *port, topic string, payload []byte, delay time.Duration) {
	time.AfterFunc(delay, func() {
		s.mu.Lock()
		open := to.up && s.lan.linked(to.number)
		s.mu.Unlock()
		if open {
			_ = to.handle(context.Background(), topic, []byte(string(payload)))
		}
	})
}

// inject is somebody with a kiosk's credential who says what that kiosk did not.
func (s *site) inject(as, leaf string, payload []byte) {
	s.deliver("clinicgate/"+siteName+"/x/"+as+"/"+leaf, payload)
}

// join gives a process its part in the exchange.
func (p *process) join() (err error) {
	p.port = &port{site: p.site, number: p.number, id: string(p.id)}
	inlet := downlink.NewInlet(downlink.InletConfig{Self: string(p.id), Now: p.trustedTime, Apply: p.apply}, p.queue, p)
	channels := []string{kiosk.ConsentChannel(organization)}
	for _, d := range p.departments {
		channels = append(channels, kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d))
	}
	p.exchange, err = exchange.New(exchange.Config{
		Site: siteName, Self: string(p.id), Channels: channels, Signer: p.signer, Now: p.clock.Now,
		Kiosks: func() (list []string) {
			for _, m := range p.machines {
				if m.id != p.id {
					list = append(list, string(m.id))
				}
			}
			return append(list, retiredKiosk)
		},
	}, p.port, p.disk, inlet, p.cipher, slog.New(slog.DiscardHandler))
	return err
}

// left adds what a process that ends has counted.
func (s *site) left(st exchange.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = sum(s.told, st)
}

// sum adds the counts of two.
func sum(a, b exchange.Status) exchange.Status {
	refused := map[downlink.Refusal]uint64{}
	for _, st := range []exchange.Status{a, b} {
		for why, n := range st.Refused {
			refused[why] += n
		}
	}
	return exchange.Status{Said: a.Said + b.Said, Repeated: a.Repeated + b.Repeated, Forwarded: a.Forwarded + b.Forwarded,
		Taken: a.Taken + b.Taken, Duplicates: a.Duplicates + b.Duplicates, Overrun: a.Overrun + b.Overrun, Refused: refused}
}

// abuse is what an attacker with the cipher key and a kiosk's credential at the
// broker says there: played again, elsewhere, altered, signed by others, not
// signed, in other forms.
func (s *site) abuse(d *rand.Rand) {
	victim, writer := s.machines[d.IntN(len(s.machines))], s.machines[d.IntN(len(s.machines))]
	s.mu.Lock()
	old, any := pick(d, s.heard)
	s.mu.Unlock()
	if !any {
		return
	}
	topic, payload := old[0], []byte(old[1])
	leaf := topic[strings.LastIndexByte(topic, '/')+1:]
	seal := func(text []byte) []byte {
		sealed, err := s.cloud.cipher.Encrypt(text)
		if err != nil {
			s.t.Error(err)
		}
		return []byte(sealed)
	}
	dep := departments[d.IntN(len(departments))]
	channel, at := kiosk.QueueChannel(dep), kiosk.At(time.Now())
	added := kiosk.PatientAdded{Action: "PATIENT_ADDED", Timestamp: at, Entry: mallory(d, dep)}
	switch d.IntN(12) {
	case 0: // as it was
		s.deliver(topic, payload)
	case 1: // as another's word
		s.inject(string(writer.id), leaf, payload)
	case 2: // on another channel
		s.inject(string(victim.id), kiosk.EmergencyChannel(dep), payload)
	case 3: // altered
		payload[d.IntN(len(payload))] ^= 1 << d.IntN(7)
		s.deliver(topic, payload)
	case 4: // with a key of nobody
		s.inject(string(writer.id), channel, seal(s.signed(d, string(victim.id), s.thief, channel, added)))
	case 5: // with a key that has ended
		s.inject(string(writer.id), channel, seal(s.signed(d, retiredKiosk, s.retired, channel, added)))
	case 6: // by nobody, as a provider's app would over PubNub
		s.publishOnSite(channel, kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: kiosk.EntryID(request(d)), NewStatus: kiosk.Cancelled,
			UpdatedBy: string(s.providers[0].ID), Timestamp: at}, seal)
	case 7: // a command, though a listed key were to sign it
		command := kiosk.CommandChannel(victim.id)
		s.inject(string(writer.id), command, seal(s.signed(d, string(victim.id), s.thief, command, added)))
	case 8: // what no kiosk exchanges
		s.inject(string(writer.id), kiosk.AuditChannel(organization), payload)
	case 9: // everything that this kiosk has said is skipped
		device := kiosk.DeviceChannel(victim.id)
		s.inject(string(writer.id), device, seal(s.signed(d, string(victim.id), s.thief, device, kiosk.Gap{Type: "GAP", Channel: channel, Inc: 1, First: 1, Last: 1 << 40, Count: 1 << 40, Timestamp: at})))
	case 10: // what another has
		name := "clinicgate/" + siteName + "/x/" + string(victim.id) + "/have"
		text, err := wire.Signer{Kiosk: string(victim.id), Key: s.thief}.Message(storage.Record{Event: storage.Event{ID: request(d), Channel: name, Body: []byte(`{"action":"HAVE","held":[]}`)}, Seq: 1})
		if err != nil {
			s.t.Error(err)
		}
		s.inject(string(victim.id), "have", seal(text))
	default: // noise
		s.inject(string(victim.id), channel, payload[:d.IntN(len(payload))])
		s.inject("mallory", channel, payload)
	}
}

// publishOnSite says what nobody signed.
func (s *site) publishOnSite(channel string, body any, seal func([]byte) []byte) {
	s.inject(string(s.machines[0].id), channel, seal(canonical(body)))
}

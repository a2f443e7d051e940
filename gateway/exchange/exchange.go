package exchange

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Store is the part of the store that the exchange reads.
type Store interface {
	Streams() []storage.StreamStatus
	Read(ctx context.Context, channel, kiosk string, after storage.Cursor, max int) ([]storage.Record, error)
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Follow() (news <-chan struct{}, stop func())
}

// Inlet believes and stores; *downlink.Inlet does.
type Inlet interface {
	Judge(channel string, env wire.Envelope) (events []downlink.Believed, own bool, err error)
	Verify(channel string, env wire.Envelope) error
	Valid(kioskID, keyID string) bool
	Take(ctx context.Context, list []downlink.Believed) (downlink.Taken, error)
	Held(ctx context.Context, kiosks, channels []string) ([]downlink.Held, error)
}

// Cipher is the clinic's: what is exchanged is encrypted as for PubNub.
type Cipher interface {
	Encrypt(plain []byte) (string, error)
	Decrypt(text string, accept func(plain []byte) bool) (plain []byte, keyID string, err error)
}

// Config is the exchange's section of the composition.
type Config struct {
	Site, Self string
	// Channels are those of the departments and of the organization; others' device
	// channels are taken too.
	Channels []string
	// Kiosks lists those whose keys are known, without this one.
	Kiosks func() []string
	Signer func() (wire.Signer, error)
	Now    func() storage.Instant
	// Refused is told of a refusal, each reason at most once a minute.
	Refused func(channel string, why downlink.Refusal)
}

// Reasons of its own for which the exchange refuses a message.
const (
	RefusedTopic   downlink.Refusal = "topic"         // no topic of the exchange, or not its writer's
	RefusedChannel downlink.Refusal = "not-exchanged" // a channel that kiosks do not exchange
	RefusedRate    downlink.Refusal = "too-many"      // more than one kiosk may say
)

const (
	inboxSize  = 256 // messages that wait to be judged
	groupSize  = 64  // messages taken in one transaction
	replySize  = 256 // events in one reply
	replyBytes = 512 << 10

	haveEvery       = time.Minute      // what is lost is asked for at least this often
	haveApart       = 2 * time.Second  // and at most this often
	unansweredAgain = 45 * time.Second // before a claim that brought nothing is followed again

	saidTimeout = 10 * time.Second
)

// Exchange is one kiosk's part. Make it with New; Run it once.
type Exchange struct {
	cfg    Config
	bus    Bus
	store  Store
	inlet  Inlet
	cipher Cipher
	log    *slog.Logger

	inbox     chan arrival
	connected chan struct{}
	wake      chan struct{}
	listener  listener // owned by listen
	speaker   speaker  // owned by speak

	mu     sync.Mutex
	asks   map[string]*ask      // guarded by mu: by who asks
	askAt  time.Time            // guarded by mu: when to say what is here; zero: at the next haveEvery
	spoke  map[string]time.Time // guarded by mu: when a kiosk last wrote
	passed map[stream]time.Time // guarded by mu: when an event of a stream was last on the bus
	status Status               // guarded by mu
}

// arrival is a message that waits to be judged.
type arrival struct {
	writer, leaf string
	payload      []byte
}

// Status tells how the exchange is doing.
type Status struct {
	Connected  bool   // the last publish was taken
	Said       uint64 // events of this kiosk, when they happened
	Repeated   uint64 // events said again because somebody lacked them
	Forwarded  uint64 // of these, other kiosks'
	Taken      uint64 // events of others that were new
	Duplicates uint64
	Refused    map[downlink.Refusal]uint64
	Overrun    uint64 // messages that came faster than they could be taken; they are asked for again
	LastHeard  time.Time
	Peers      []Peer // other kiosks, by id
}

// Peer is another kiosk of the site.
type Peer struct {
	Kiosk string
	Heard time.Time // zero: never since the start
}

// New makes an exchange and subscribes it. It says nothing before Run.
func New(cfg Config, bus Bus, store Store, inlet Inlet, cipher Cipher, log *slog.Logger) (*Exchange, error) {
	if cfg.Site == "" || cfg.Self == "" || cfg.Signer == nil || cfg.Kiosks == nil || cfg.Now == nil {
		return nil, errors.New("exchange needs a site, a kiosk, its keys and a clock")
	}
	if cfg.Refused == nil {
		cfg.Refused = func(string, downlink.Refusal) {}
	}
	e := &Exchange{
		cfg: cfg, bus: bus, store: store, inlet: inlet, cipher: cipher, log: log,
		inbox: make(chan arrival, inboxSize), connected: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		listener: listener{budgets: map[string]*budget{}, newest: map[string]moment{}, tops: map[place]uint64{}, claims: map[place]claim{}, told: map[downlink.Refusal]time.Time{}},
		speaker:  speaker{said: map[string]storage.Cursor{}},
		asks:     map[string]*ask{}, spoke: map[string]time.Time{}, passed: map[stream]time.Time{},
		status: Status{Refused: map[downlink.Refusal]uint64{}},
	}
	bus.Subscribe(Filter(cfg.Site), e.arrived)
	bus.Connected(func() { ring(e.connected) })
	return e, nil
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// Run exchanges until ctx ends.
func (e *Exchange) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { e.listen(ctx) })
	e.speak(ctx)
	return nil
}

// Status tells how the exchange is doing.
func (e *Exchange) Status() Status {
	kiosks := e.cfg.Kiosks()
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.status
	s.Refused = make(map[downlink.Refusal]uint64, len(e.status.Refused))
	for why, n := range e.status.Refused {
		s.Refused[why] = n
	}
	for _, k := range kiosks {
		if k != downlink.Authority {
			s.Peers = append(s.Peers, Peer{k, e.spoke[k]})
		}
	}
	slices.SortFunc(s.Peers, func(a, b Peer) int {
		if a.Kiosk < b.Kiosk {
			return -1
		}
		return 1
	})
	return s
}

func (e *Exchange) count(change func(*Status)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.status)
}

// askWithin has this kiosk say what it has, soon, so that whoever holds more
// replies. Several wishes are one saying.
func (e *Exchange) askWithin(d time.Duration) {
	at := time.Now().Add(d/2 + rand.N(d/2+1))
	e.mu.Lock()
	if e.askAt.IsZero() || at.Before(e.askAt) {
		e.askAt = at
	}
	e.mu.Unlock()
	ring(e.wake)
}

// takes reports whether a channel is one whose events are kept here.
func (e *Exchange) takes(channel string) bool {
	if slices.Contains(e.cfg.Channels, channel) {
		return true
	}
	c, ok := kiosk.ParseChannel(channel)
	return ok && c.Family == kiosk.DeviceFamily && slices.Contains(e.cfg.Kiosks(), string(c.Kiosk))
}

// mine gives what is held of others, by stream; the lines of a stream are its
// lives, ascending.
func (e *Exchange) mine(ctx context.Context) (map[stream][]line, error) {
	held := map[stream][]line{}
	for _, k := range e.cfg.Kiosks() {
		channels := e.cfg.Channels
		if k != downlink.Authority {
			channels = append(slices.Clip(channels), kiosk.DeviceChannel(kiosk.KioskID(k)))
		}
		list, err := e.inlet.Held(ctx, []string{k}, channels)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			l := lineOf(h)
			held[l.stream()] = append(held[l.stream()], l)
		}
	}
	return held, nil
}

// place is one life of a stream.
type place struct {
	stream
	inc uint32
}

// moment orders what one kiosk says of what it has.
type moment struct {
	boot   uuid.UUID
	mono   time.Duration
	number uint64
}

func (m moment) before(o moment) bool {
	return m.boot != o.boot || m.mono < o.mono || m.mono == o.mono && m.number < o.number
}

// claim is what somebody said to have of a stream, when it was last followed.
type claim struct {
	seq    uint64
	amount uint64 // that was here then
	at     time.Time
}

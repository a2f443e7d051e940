package downlink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// Service is PubNub as the downlink needs it.
type Service interface {
	// History gives the messages after a timetoken, oldest first, at most limit,
	// and whether there are more.
	History(ctx context.Context, channel string, after pubnub.Timetoken, limit int) (messages []pubnub.Message, more bool, err error)
	// Listen calls ring for every live message until ctx ends. It reconnects by
	// itself, and calls ring with the zero Message after every reconnection.
	Listen(ctx context.Context, channels []string, ring func(pubnub.Message)) error
}

// Cipher decrypts with the newest key first and takes the first text that
// accept likes.
type Cipher interface {
	Decrypt(text string, accept func(plain []byte) bool) (plain []byte, keyID string, err error)
}

// Store is the part of the store that the downlink writes.
type Store interface {
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Update(ctx context.Context, fn func(tx *storage.Tx) error) error
}

// Config is the downlink's section of the composition.
type Config struct {
	Self     string           // this kiosk
	Durable  []string         // channels read from history
	Live     []string         // channels only listened to
	Unsigned bool             // sync.unsigned = "bound"
	Proofs   bool             // keep the signatures of others' events: see Inlet
	Backfill time.Duration    // how far back a channel is read the first time, at most; default a week
	Now      func() time.Time // trusted time; zero while nobody has told it
	// Apply changes the clinic's state in the transaction that stores the event.
	Apply func(tx *storage.Tx, b Believed) error
	// Echo is told at which timetoken an event stands that is here already: one of
	// our own, or a repeat of another's.
	Echo func(tx *storage.Tx, b Believed) error
	// OnLive gets messages of live channels, and presence, as they come.
	OnLive func(m pubnub.Message)
	// Committed is called after each transaction that changed something.
	Committed func(channel string)
	// Refused is called once for a refused message, outside any transaction.
	Refused func(channel string, why Refusal)
}

const (
	overlap     = 2 * time.Minute
	pageSize    = 100
	sweepEvery  = time.Minute
	quietBefore = 200 * time.Millisecond // between two reads of one channel
)

// Downlink reads the durable channels. Make it with New; Run it once.
type Downlink struct {
	cfg     Config
	service Service
	cipher  Cipher
	store   Store
	judge   judge
	log     *slog.Logger
	wake    chan struct{}
	places  map[string]*place // owned by Run
	turn    int               // owned by Run: index of the durable channel to read first

	mu     sync.Mutex
	due    map[string]bool // guarded by mu: channels with something to read
	status Status          // guarded by mu
}

// Status tells how the downlink is doing.
type Status struct {
	Applied    uint64
	Echoes     uint64
	Duplicates uint64
	Refused    map[Refusal]uint64
	LastRead   time.Time // last history read that was answered
	Failing    string    // class of the last failure; empty when the last read worked
}

// New makes a downlink; it starts nothing.
func New(cfg Config, service Service, cipher Cipher, store Store, registry Registry, staff Staff, log *slog.Logger) (*Downlink, error) {
	if cfg.Apply == nil {
		return nil, errors.New("downlink needs a place to apply events")
	}
	if cfg.Backfill <= 0 {
		// A kiosk may have worked for days before it meets PubNub for the first time,
		// and how many its clock cannot be asked.
		cfg.Backfill = 7 * 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Echo == nil {
		cfg.Echo = func(*storage.Tx, Believed) error { return nil }
	}
	if cfg.OnLive == nil {
		cfg.OnLive = func(pubnub.Message) {}
	}
	if cfg.Committed == nil {
		cfg.Committed = func(string) {}
	}
	if cfg.Refused == nil {
		cfg.Refused = func(string, Refusal) {}
	}
	return &Downlink{
		cfg: cfg, service: service, cipher: cipher, store: store, log: log,
		judge: judge{self: cfg.Self, registry: registry, staff: staff, unsigned: cfg.Unsigned},
		wake:  make(chan struct{}, 1), due: map[string]bool{}, places: map[string]*place{},
		status: Status{Refused: map[Refusal]uint64{}},
	}, nil
}

// Status tells how the downlink is doing.
func (d *Downlink) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Refused = make(map[Refusal]uint64, len(d.status.Refused))
	for k, v := range d.status.Refused {
		s.Refused[k] = v
	}
	return s
}

// Ring marks a channel as having something to read; an empty channel marks all.
func (d *Downlink) Ring(channel string) {
	d.mu.Lock()
	for _, c := range d.cfg.Durable {
		if channel == "" || channel == c {
			d.due[c] = true
		}
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run reads until ctx ends.
func (d *Downlink) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		all := append(append([]string(nil), d.cfg.Durable...), d.cfg.Live...)
		if err := d.service.Listen(ctx, all, d.heard); err != nil && ctx.Err() == nil {
			d.log.Error("listening ended", "error", err)
		}
	})
	d.Ring("")
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-sweep.C:
			d.Ring("")
		}
		var failed error
		list := d.takeDue()
		for i, channel := range list {
			if err := d.catchUp(ctx, channel); err != nil {
				failed = err
				d.putBack(channel)
				if unanswered(err) {
					// The others would not be answered either. They come first next time, in
					// case it is this channel.
					d.putBack(list[i+1:]...)
					d.turn = (slices.Index(d.cfg.Durable, channel) + 1) % len(d.cfg.Durable)
					break
				}
			}
			if ctx.Err() != nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		pause := quietBefore
		if failed != nil {
			failures++
			pause = min(4*time.Second, 250*time.Millisecond<<min(failures, 5))
			d.failing(failed, failures)
			// Try again even when nothing rings.
			select {
			case d.wake <- struct{}{}:
			default:
			}
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (d *Downlink) failing(err error, failures int) {
	d.count(func(s *Status) { s.Failing = err.Error() })
	if failures == 1 || failures%50 == 0 {
		d.log.Warn("reading history waits", "reason", err, "tries", failures)
	}
}

// unanswered tells that there was no answer at all: the network, not PubNub.
func unanswered(err error) bool {
	var pe *pubnub.Error
	return errors.As(err, &pe) && pe.Status == 0
}

// takeDue lists the channels with something to read, beginning at turn.
func (d *Downlink) takeDue() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []string
	for i := range d.cfg.Durable {
		c := d.cfg.Durable[(d.turn+i)%len(d.cfg.Durable)]
		if d.due[c] {
			list = append(list, c)
			delete(d.due, c)
		}
	}
	return list
}

func (d *Downlink) putBack(channels ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range channels {
		d.due[c] = true
	}
}

func (d *Downlink) heard(m pubnub.Message) {
	if m.Channel == "" {
		d.Ring("")
		return
	}
	for _, c := range d.cfg.Live {
		if c == m.Channel {
			d.cfg.OnLive(m)
			return
		}
	}
	if m.Kind != pubnub.KindMessage {
		d.cfg.OnLive(m)
		return
	}
	d.Ring(m.Channel)
}

func cursorName(channel string) string { return "down/" + channel }

// catchUp reads one channel from its cursor to its end.
func (d *Downlink) catchUp(ctx context.Context, channel string) error {
	at, err := d.place(ctx, channel)
	if err != nil {
		return err
	}
	after := at.cursor - min(at.cursor, overlapTicks)
	at.forget(after)
	for {
		page, more, err := d.service.History(ctx, channel, pubnub.Timetoken(after), pageSize)
		if err != nil {
			return err
		}
		d.count(func(s *Status) { s.LastRead, s.Failing = time.Now(), "" })
		if len(page) == 0 {
			return nil
		}
		if err := d.take(ctx, channel, at, page); err != nil {
			return err
		}
		last := uint64(page[len(page)-1].Timetoken)
		if !more || last <= after {
			return nil
		}
		after = last
		at.forget(last - min(last, overlapTicks))
	}
}

// place is where a channel's reading stands.
type place struct {
	cursor uint64              // newest timetoken taken
	taken  map[uint64]struct{} // timetokens above the overlap that were judged already
}

const overlapTicks = uint64(overlap / 100)

// forget drops what a read after a timetoken will not bring again.
func (p *place) forget(after uint64) {
	for tt := range p.taken {
		if tt <= after {
			delete(p.taken, tt)
		}
	}
}

func (d *Downlink) place(ctx context.Context, channel string) (*place, error) {
	p := d.places[channel]
	if p == nil {
		p = &place{taken: map[uint64]struct{}{}}
		if err := d.store.View(ctx, func(r *storage.Reader) (err error) {
			p.cursor, err = r.Cursor(cursorName(channel))
			return err
		}); err != nil {
			return nil, fmt.Errorf("cannot read cursor: %w", err)
		}
		d.places[channel] = p
	}
	if p.cursor == 0 {
		// A clock that nobody has set might ask for the last century or the next.
		now := d.cfg.Now()
		if now.IsZero() {
			return nil, errNoTime
		}
		p.cursor = ticks(now.Add(-min(d.cfg.Backfill, kept(channel))))
	}
	return p, nil
}

// kept is for how long anything that comes on a channel is kept here: what is
// older would only be forgotten again.
func kept(channel string) (age time.Duration) {
	ch, _ := kiosk.ParseChannel(channel)
	for _, d := range kiosk.Definitions() {
		if d.Family == ch.Family {
			age = max(age, d.Retain.Age)
		}
	}
	return age
}

var errNoTime = errors.New("nobody has told the time yet, so it is not known from when to read")

// ticks gives a time as a timetoken: 100 ns since the Unix epoch.
func ticks(t time.Time) uint64 { return uint64(t.UnixNano() / 100) }

// take judges one page and stores what is believed, with the cursor, in one
// transaction.
func (d *Downlink) take(ctx context.Context, channel string, at *place, page []pubnub.Message) error {
	type item struct {
		events []Believed
		own    bool
	}
	var items []item
	refused := map[Refusal]uint64{}
	for _, m := range page {
		if _, ok := at.taken[uint64(m.Timetoken)]; ok {
			continue
		}
		events, own, err := d.read(channel, m)
		if why, ok := RefusalOf(err); ok {
			refused[why]++
			continue
		}
		items = append(items, item{events, own})
	}
	if len(items) == 0 && len(refused) == 0 {
		return nil
	}
	last := uint64(page[len(page)-1].Timetoken)
	var applied, echoes, duplicates uint64
	var late map[Refusal]uint64
	err := d.store.Update(ctx, func(tx *storage.Tx) error {
		applied, echoes, duplicates, late = 0, 0, 0, map[Refusal]uint64{} // fn may run again
		for _, it := range items {
			for _, b := range it.events {
				if it.own {
					echoes++
					if err := d.cfg.Echo(tx, b); err != nil {
						return err
					}
					continue
				}
				fresh, err := admission{proofs: d.cfg.Proofs}.admit(tx, b)
				if why, ok := RefusalOf(err); ok {
					late[why]++
					continue
				}
				if err != nil {
					return err
				}
				if !fresh {
					duplicates++
					// The first of two publications may become visible after the second.
					if err := d.cfg.Echo(tx, b); err != nil {
						return err
					}
					continue
				}
				if err := d.cfg.Apply(tx, b); err != nil {
					return fmt.Errorf("cannot apply %s: %w", b.Definition.Name, err)
				}
				applied++
			}
		}
		stands, err := tx.Cursor(cursorName(channel))
		if err != nil || last <= stands {
			return err
		}
		return tx.SetCursor(cursorName(channel), last)
	})
	if err != nil {
		return fmt.Errorf("cannot store page: %w", err)
	}
	at.cursor = max(at.cursor, last)
	for _, m := range page {
		at.taken[uint64(m.Timetoken)] = struct{}{}
	}
	d.account(channel, applied, echoes, duplicates, refused, late)
	return nil
}

// read decrypts, parses and judges one message.
func (d *Downlink) read(channel string, m pubnub.Message) ([]Believed, bool, error) {
	var env wire.Envelope
	parse := func(plain []byte) bool {
		e, err := wire.Parse(plain)
		env = e
		return err == nil
	}
	if text, encrypted := m.Text(); encrypted {
		if _, _, err := d.cipher.Decrypt(text, parse); err != nil {
			return nil, false, errRefused(RefusedUnreadable)
		}
	} else {
		// Not encrypted: only what a staff app may send in the clear gets past the judge.
		if !parse(m.Payload) || env.Signed {
			return nil, false, errRefused(RefusedUnreadable)
		}
	}
	return d.judge.envelope(channel, m.Publisher, uint64(m.Timetoken), env)
}

func (d *Downlink) account(channel string, applied, echoes, duplicates uint64, lists ...map[Refusal]uint64) {
	d.count(func(s *Status) {
		s.Applied += applied
		s.Echoes += echoes
		s.Duplicates += duplicates
		for _, list := range lists {
			for why, n := range list {
				s.Refused[why] += n
			}
		}
	})
	for _, list := range lists {
		for why := range list {
			d.cfg.Refused(channel, why)
		}
	}
	if applied+echoes > 0 {
		d.cfg.Committed(channel)
	}
}

func (d *Downlink) count(change func(*Status)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.status)
}

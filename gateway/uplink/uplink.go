package uplink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// Source is the durable outbox.
type Source interface {
	Streams() []storage.StreamStatus
	Outbox(ctx context.Context, channel string, max, maxBytes int) ([]storage.Record, error)
	Advance(ctx context.Context, channel string, to storage.Cursor, outcome storage.Outcome, reason string, timetoken uint64) error
	Changed() <-chan struct{}
}

// Publisher sends one ciphertext. An error is a *pubnub.Error.
type Publisher interface {
	Publish(ctx context.Context, channel, payload string) (pubnub.Timetoken, error)
}

// Cipher encrypts a message's text with the newest cipher key. It fails when
// there is none.
type Cipher interface {
	Encrypt(plain []byte) (string, error)
}

// BatchMode says how a backlog goes out.
type BatchMode string

const (
	BatchNever BatchMode = "never" // every event in a message of its own, audit too
	BatchPlain BatchMode = "plain" // readable without gzip
	BatchGzip  BatchMode = "gzip"
)

// Config is the uplink's section of the composition.
type Config struct {
	Batch      BatchMode
	BatchAbove int // events waiting in a stream before it goes as batches; audit always does
	InFlight   int // requests at once, over all streams
	Signer     func() (wire.Signer, error)
	// Quarantined makes the audit event of events first to last of a channel that
	// PubNub refused for good, and returns when it is durable. Its id must derive
	// from the arguments: it is called again when the process stops before the
	// store has moved the cursor and made the GAP record, in one commit.
	Quarantined func(ctx context.Context, channel string, inc uint32, first, last uint64, reason string) error
	// Accepted is told what was accepted and at which timetoken.
	Accepted func(channel string, to storage.Cursor, timetoken uint64)
}

// Uplink publishes the outbox. Make it with New; Run it once.
type Uplink struct {
	cfg     Config
	source  Source
	pub     Publisher
	cipher  Cipher
	log     *slog.Logger
	link    chan struct{}
	token   chan struct{}
	streams map[string]*stream // owned by Run
	tokens  uint64             // refreshed since the start; owned by Run

	mu     sync.Mutex
	status Status // guarded by mu
}

// DeniedByPubNub is Status.LastFailure where the keys or the token are refused.
const DeniedByPubNub = "access denied by PubNub"

// Status is what a person wants to know about the uplink.
type Status struct {
	Up          bool      // the last request was answered
	LastAccept  time.Time // zero: none since start
	LastFailure string    // class of the last failure, empty after an accept
	Accepted    uint64    // events accepted since start
	Requests    uint64    // publish requests since start
	Blocked     []string  // channels that wait after a refusal, bounded
}

// stream is the state of one channel's drain. It is owned by Run, and by the
// one send that is in flight while busy is set.
type stream struct {
	channel   string
	lane      storage.Lane
	busy      bool
	frozen    *frozen
	hangUp    context.CancelFunc // gives up the request that is in flight
	failures  int
	notBefore time.Time
	waits     cause
	reason    string
	asked     uint64         // Uplink.tokens as of the request in flight, or the last
	singly    storage.Cursor // up to here one event per message, after a batch was refused
}

// cause says what a stream waits for, and so what ends the wait early.
type cause uint8

const (
	waitsForTime cause = iota
	waitsForNetwork
	waitsForToken
)

// hangUp gives up every request in flight; each is made again at once.
func (u *Uplink) hangUp() {
	for _, s := range u.streams {
		if s.busy {
			s.hangUp()
		}
	}
}

// release lets the streams that wait for c try at once.
func (u *Uplink) release(c cause) {
	for _, s := range u.streams {
		if !s.busy && s.waits == c {
			s.notBefore, s.failures = time.Time{}, 0
		}
	}
}

// New makes an uplink; it starts nothing.
func New(cfg Config, source Source, pub Publisher, cipher Cipher, log *slog.Logger) (*Uplink, error) {
	if cfg.Signer == nil || cfg.Quarantined == nil {
		return nil, errors.New("uplink needs a signer and a place to record refusals")
	}
	if cfg.Batch == "" {
		cfg.Batch = BatchGzip
	}
	if cfg.BatchAbove <= 0 {
		cfg.BatchAbove = 20
	}
	if cfg.InFlight < 4 {
		cfg.InFlight = 8
	}
	if cfg.Accepted == nil {
		cfg.Accepted = func(string, storage.Cursor, uint64) {}
	}
	return &Uplink{cfg: cfg, source: source, pub: pub, cipher: cipher, log: log,
		link: make(chan struct{}, 1), token: make(chan struct{}, 1), streams: map[string]*stream{}}, nil
}

// LinkUp cancels every wait that was due to the network. It never blocks.
func (u *Uplink) LinkUp() { ring(u.link) }

// TokenRefreshed cancels every wait that was due to a refused token. It never
// blocks.
func (u *Uplink) TokenRefreshed() { ring(u.token) }

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// Status tells how the uplink is doing.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.status
	s.Blocked = slices.Clone(s.Blocked)
	return s
}

type result struct {
	s        *stream
	began    time.Time
	idle     bool // there was nothing to send
	answered bool // PubNub said something, be it no
	err      error
}

// Run drains the outbox until ctx ends. Requests in flight are given up then;
// their outcome is unknown and they are repeated at the next start.
func (u *Uplink) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan result, u.cfg.InFlight)
	inFlight, urgent := 0, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	var down network
	for {
		now := time.Now()
		ready, wake := u.ready(now)
		for _, s := range ready {
			if !down.mayStart(now, inFlight) {
				if inFlight == 0 { // else the answer to what is in flight wakes us
					wake = sooner(wake, down.notBefore)
				}
				break
			}
			// Places 1 to InFlight-2 are for everyone, the last two for emergency and queue.
			if s.lane > storage.LaneQueue && inFlight-urgent >= u.cfg.InFlight-2 || inFlight >= u.cfg.InFlight {
				continue
			}
			s.busy, s.asked = true, u.tokens
			var publishing context.Context
			publishing, s.hangUp = context.WithCancel(ctx)
			inFlight++
			if s.lane <= storage.LaneQueue {
				urgent++
			}
			wg.Go(func() { results <- u.send(ctx, publishing, s) })
		}
		if !wake.IsZero() {
			timer.Reset(max(0, time.Until(wake)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-u.source.Changed():
		case <-timer.C:
		case <-u.link:
			if down.failures > 0 {
				// What is under way was sent into a network that is gone, and may hang
				// for as long as a request may take.
				u.hangUp()
			}
			down = network{}
			u.release(waitsForNetwork)
		case <-u.token:
			u.tokens++
			u.release(waitsForToken)
		case r := <-results:
			inFlight--
			if r.s.lane <= storage.LaneQueue {
				urgent--
			}
			r.s.busy = false
			r.s.hangUp()
			u.settle(r)
			if down.heard(r) {
				u.release(waitsForNetwork)
			}
		}
	}
}

// ready lists the streams that have something to send and may, most urgent
// first, and the earliest time at which another one may.
func (u *Uplink) ready(now time.Time) (ready []*stream, wake time.Time) {
	for _, st := range u.source.Streams() {
		s := u.streams[st.Channel]
		if st.Queued == 0 {
			if s != nil && !s.busy {
				delete(u.streams, st.Channel)
			}
			continue
		}
		if s == nil {
			s = &stream{channel: st.Channel, lane: st.Lane}
			u.streams[st.Channel] = s
		}
		if s.busy {
			continue
		}
		if f := s.frozen; f != nil && !f.tried && f.after != st.Sent {
			s.frozen = nil // the store has given up some of these since they were read
		}
		if s.notBefore.After(now) {
			wake = sooner(wake, s.notBefore)
			continue
		}
		ready = append(ready, s)
	}
	slices.SortFunc(ready, func(a, b *stream) int {
		if a.lane != b.lane {
			return int(a.lane) - int(b.lane)
		}
		if a.channel < b.channel {
			return -1
		}
		return 1
	})
	return ready, wake
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// send makes one request for s, or finishes an earlier one. Publishing ends with
// its own context, what follows from the answer does not.
func (u *Uplink) send(ctx, publishing context.Context, s *stream) result {
	r := result{s: s, began: time.Now()}
	r.err = u.request(ctx, publishing, &r)
	return r
}

func (u *Uplink) request(ctx, publishing context.Context, r *result) (err error) {
	s := r.s
	if s.frozen == nil {
		if s.frozen, err = u.freeze(ctx, s, nil); err != nil || s.frozen == nil {
			r.idle = s.frozen == nil
			return err
		}
	}
	f := s.frozen
	f.tried = true
	var next *frozen
	if f.timetoken == 0 && f.refused == "" {
		u.count(func(st *Status) { st.Requests++ })
		ahead := u.ahead(ctx, s, f)
		tt, err := u.pub.Publish(publishing, s.channel, f.payload)
		next = ahead()
		var pe *pubnub.Error
		r.answered = err == nil || errors.As(err, &pe) && pe.Status != 0
		if err != nil {
			if pe == nil || pe.Class != pubnub.Refused {
				return err
			}
			if f.events > 1 {
				s.singly, s.frozen = f.to, nil
				return nil
			}
			f.refused = fmt.Sprintf("refused with status %d", pe.Status)
		} else {
			f.timetoken = max(uint64(tt), 1)
		}
	}
	outcome := storage.Delivered
	if f.refused != "" {
		outcome = storage.Quarantined
		// If we stop before Advance, this is recorded again under the same id.
		if err := u.cfg.Quarantined(ctx, s.channel, f.first.Inc, f.first.Seq, f.to.Seq, f.refused); err != nil {
			return err
		}
	}
	if err := u.source.Advance(ctx, s.channel, f.to, outcome, f.refused, f.timetoken); err != nil {
		return err
	}
	s.frozen = next
	if f.timetoken > 0 {
		u.cfg.Accepted(s.channel, f.to, f.timetoken)
		u.count(func(st *Status) {
			st.Accepted += uint64(f.events)
			st.LastAccept, st.LastFailure, st.Up = time.Now(), "", true
		})
	}
	return nil
}

// settle decides when s may try again.
func (u *Uplink) settle(r result) {
	s := r.s
	if r.err == nil {
		s.failures, s.notBefore, s.reason = 0, time.Time{}, ""
		if r.idle {
			// The count said that something waits and the read found nothing: the two
			// are read one after the other. Look again, but not at once for ever.
			s.notBefore = time.Now().Add(time.Second)
		}
		u.blocked()
		return
	}
	if class(r.err) == pubnub.Canceled || errors.Is(r.err, context.Canceled) {
		return
	}
	if class(r.err) == pubnub.Denied && s.asked != u.tokens {
		return // it was made with a token that has been replaced since
	}
	s.failures++
	wait, waits, reason := pause(r.err, s.failures)
	from := time.Now()
	if waits == waitsForNetwork {
		from = r.began // a try that hung has waited already
	}
	s.notBefore, s.waits, s.reason = from.Add(wait), waits, reason
	u.count(func(st *Status) { st.LastFailure, st.Up = reason, false })
	u.blocked()
	if s.failures == 1 || s.failures%50 == 0 {
		u.log.Warn("publishing waits", "channel", s.channel, "reason", reason, "tries", s.failures, "wait", wait.Round(time.Millisecond))
	}
}

// blocked refreshes the list of channels that wait after a refusal.
func (u *Uplink) blocked() {
	var list []string
	for _, s := range u.streams {
		if s.reason != "" && len(list) < 20 {
			list = append(list, s.channel)
		}
	}
	slices.Sort(list)
	u.count(func(st *Status) { st.Blocked = list })
}

func (u *Uplink) count(change func(*Status)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	change(&u.status)
}

func class(err error) pubnub.Class {
	var pe *pubnub.Error
	if errors.As(err, &pe) {
		return pe.Class
	}
	return pubnub.Temporary
}

// pause gives the wait after the n-th failure in a row, with full jitter, and
// what may end it early.
func pause(err error, n int) (time.Duration, cause, string) {
	var pe *pubnub.Error
	if !errors.As(err, &pe) {
		return jitter(500*time.Millisecond, n, 10*time.Second), waitsForTime, "store or keys: " + reasonOf(err)
	}
	switch pe.Class {
	case pubnub.Throttled:
		if pe.RetryAfter > 0 {
			return min(pe.RetryAfter, 10*time.Minute) + rand.N(time.Second), waitsForTime, "throttled by PubNub"
		}
		return time.Second + jitter(2*time.Second, n, time.Minute), waitsForTime, "throttled by PubNub"
	case pubnub.Denied:
		// A fresh token was asked for; its arrival ends the wait.
		return time.Minute + rand.N(10*time.Second), waitsForToken, DeniedByPubNub
	case pubnub.Unknown:
		return jitter(500*time.Millisecond, n, 4*time.Second), waitsForNetwork, "no answer from PubNub"
	}
	if pe.Status >= 500 {
		return max(pe.RetryAfter, jitter(time.Second, n, 30*time.Second)), waitsForTime, "PubNub has an outage"
	}
	return jitter(250*time.Millisecond, n, 4*time.Second), waitsForNetwork, "network"
}

// reasonOf keeps an internal error's first words: they name our own parts.
func reasonOf(err error) string {
	s := err.Error()
	return s[:min(len(s), 60)]
}

func jitter(base time.Duration, n int, limit time.Duration) time.Duration {
	d := base << min(n-1, 10)
	if d <= 0 || d > limit {
		d = limit
	}
	return d/4 + rand.N(d*3/4+1)
}

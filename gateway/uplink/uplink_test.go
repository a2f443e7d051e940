package uplink_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// outbox is a durable outbox in memory.
type outbox struct {
	mu      sync.Mutex
	streams map[string]*queue
	changed chan struct{}
	gaps    []string
}

type queue struct {
	lane    storage.Lane
	records []storage.Record
	sent    uint64
	dropped bool // some records went without being sent
	hidden  bool // they are counted, and not found
	refused []uint64
}

func (q *queue) cursor() storage.Cursor {
	if q.sent == 0 {
		return storage.Cursor{}
	}
	return storage.Cursor{Inc: 1, Seq: q.sent}
}

// drop gives up what was not sent up to seq, as a full store does.
func (o *outbox) drop(channel string, seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.streams[channel].sent, o.streams[channel].dropped = seq, true
}

// hide has a stream's records counted but not found.
func (o *outbox) hide(channel string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.streams[channel].hidden = true
}

func newOutbox() *outbox {
	return &outbox{streams: map[string]*queue{}, changed: make(chan struct{}, 1)}
}

func (o *outbox) add(channel string, lane storage.Lane, n int) {
	o.mu.Lock()
	q := o.streams[channel]
	if q == nil {
		q = &queue{lane: lane}
		o.streams[channel] = q
	}
	for range n {
		seq := uint64(len(q.records) + 1)
		q.records = append(q.records, storage.Record{
			Event: storage.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, channel, seq)), Channel: channel, Body: fmt.Appendf(nil, `{"n":%d,"type":"HEARTBEAT"}`, seq)},
			Inc:   1, Seq: seq, HLC: storage.HLC(seq), Synced: true,
		})
	}
	o.mu.Unlock()
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

func (o *outbox) Streams() (list []storage.StreamStatus) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, q := range o.streams {
		list = append(list, storage.StreamStatus{Channel: name, Lane: q.lane, Sent: q.cursor(), Queued: uint64(len(q.records)) - q.sent})
	}
	return list
}

func (o *outbox) Outbox(_ context.Context, channel string, max, maxBytes int) (list []storage.Record, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.streams[channel]
	if q.hidden {
		return nil, nil
	}
	for _, r := range q.records[q.sent:] {
		if maxBytes -= len(r.Body); len(list) > 0 && maxBytes < 0 || len(list) == max {
			break
		}
		list = append(list, r)
	}
	return list, nil
}

func (o *outbox) Advance(_ context.Context, channel string, to storage.Cursor, outcome storage.Outcome, _ string, tt uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.streams[channel]
	if to.Seq <= q.sent {
		if q.dropped {
			return nil
		}
		return errors.New("cursor went back")
	}
	if (outcome == storage.Delivered) != (tt > 0) {
		return errors.New("outcome and timetoken disagree")
	}
	if outcome == storage.Quarantined {
		for seq := q.sent + 1; seq <= to.Seq; seq++ {
			q.refused = append(q.refused, seq)
		}
	}
	q.sent = to.Seq
	return nil
}

func (o *outbox) Changed() <-chan struct{} { return o.changed }

func (o *outbox) waiting() (n uint64) {
	for _, s := range o.Streams() {
		n += s.Queued
	}
	return n
}

// service is PubNub as a script: answer decides each request's fate.
type service struct {
	t        testing.TB
	pub      ed25519.PublicKey
	answer   func(n int, channel string, env wire.Envelope) error
	hangs    func(n int) bool // gets no answer for as long as the request waits
	delay    time.Duration
	mu       sync.Mutex
	requests int
	flight   map[string]int
	accepted map[string][]uint64 // sequence numbers by channel, in order of acceptance
	order    []string
	payloads map[string][]string
	messages int
}

func (s *service) Publish(ctx context.Context, channel, payload string) (pubnub.Timetoken, error) {
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.flight[channel]++
	if s.flight[channel] > 1 {
		s.t.Errorf("two requests in flight on %s", channel)
	}
	s.payloads[channel] = append(s.payloads[channel], payload)
	delay := s.delay
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flight[channel]--
		s.mu.Unlock()
	}()
	if s.hangs != nil && s.hangs(n) {
		<-ctx.Done()
		return 0, &pubnub.Error{Class: pubnub.Canceled}
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return 0, &pubnub.Error{Class: pubnub.Canceled}
		}
	}
	text, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		s.t.Error(err)
	}
	env, err := wire.Parse(text[1:])
	if err != nil {
		s.t.Errorf("published text: %v", err)
	}
	if err := env.Verify(channel, s.pub); err != nil {
		s.t.Errorf("published text: %v", err)
	}
	var fate error
	if s.answer != nil {
		fate = s.answer(n, channel, env)
	}
	var lost *ackLost
	if fate != nil && !errors.As(fate, &lost) {
		return 0, fate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages++
	for _, e := range env.Events {
		s.accepted[channel] = append(s.accepted[channel], e.GW.Seq)
	}
	s.order = append(s.order, channel)
	if lost != nil {
		return 0, &pubnub.Error{Class: pubnub.Unknown}
	}
	return 17000000000000000 + pubnub.Timetoken(n), nil
}

// hold makes every further answer take d.
func (s *service) hold(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// count reads one of the service's counters.
func (s *service) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

type ackLost struct{}

func (*ackLost) Error() string { return "accepted, but the answer was lost" }

// cipher stands in for encryption: a changing first byte like a random IV.
type cipher struct {
	takes time.Duration
	mu    sync.Mutex
	n     byte
}

func (c *cipher) Encrypt(plain []byte) (string, error) {
	time.Sleep(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return base64.StdEncoding.EncodeToString(append([]byte{c.n}, plain...)), nil
}

type bench struct {
	out    *outbox
	svc    *service
	cipher *cipher
	up     *uplink.Uplink
	stop   func()
}

func start(t *testing.T, cfg uplink.Config, answer func(int, string, wire.Envelope) error) *bench {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	b := &bench{out: newOutbox(), cipher: &cipher{}}
	b.svc = &service{t: t, pub: key.Public().(ed25519.PublicKey), answer: answer, delay: 50 * time.Millisecond,
		flight: map[string]int{}, accepted: map[string][]uint64{}, payloads: map[string][]string{}}
	cfg.Signer = func() (wire.Signer, error) { return wire.Signer{Kiosk: "lobby-1", Key: key}, nil }
	if cfg.Quarantined == nil {
		cfg.Quarantined = func(_ context.Context, channel string, inc uint32, first, last uint64, reason string) error {
			b.out.mu.Lock()
			defer b.out.mu.Unlock()
			b.out.gaps = append(b.out.gaps, fmt.Sprintf("%s %d/%d-%d", channel, inc, first, last))
			return nil
		}
	}
	var err error
	if b.up, err = uplink.New(cfg, b.out, b.svc, b.cipher, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.up.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	return b
}

// inOrder checks that each stream's events were accepted in order, once but for
// repeats of a request, and all of them.
func (b *bench) inOrder(t *testing.T, want map[string]int) {
	t.Helper()
	for channel, n := range want {
		next := uint64(1)
		for _, seq := range b.svc.accepted[channel] {
			if seq > next {
				t.Fatalf("%s: event %d was accepted before %d", channel, seq, next)
			}
			if seq == next {
				next++
			}
		}
		if next != uint64(n)+1 {
			t.Errorf("%s: accepted up to %d of %d", channel, next-1, n)
		}
	}
	if w := b.out.waiting(); w != 0 {
		t.Errorf("%d events still wait", w)
	}
}

func TestDrainsEveryStreamInOrder(t *testing.T) {
	for _, mode := range []uplink.BatchMode{uplink.BatchNever, uplink.BatchPlain, uplink.BatchGzip} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, uplink.Config{Batch: mode}, nil)
				want := map[string]int{"queue.a": 300, "queue.b": 1, "audit.org": 200, "consent.org": 15}
				b.out.add("queue.a", storage.LaneQueue, 300)
				b.out.add("queue.b", storage.LaneQueue, 1)
				b.out.add("audit.org", storage.LaneAudit, 200)
				b.out.add("consent.org", storage.LaneConsent, 15)
				time.Sleep(time.Minute)
				b.stop()
				b.inOrder(t, want)
				if mode == uplink.BatchNever && b.svc.messages != 516 {
					t.Errorf("%d messages for 516 events with batches off", b.svc.messages)
				}
				if mode != uplink.BatchNever && b.svc.messages > 40 {
					t.Errorf("%d messages for 516 events with batches on", b.svc.messages)
				}
			})
		})
	}
}

func TestUnknownOutcomeRepeatsTheSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{Batch: uplink.BatchNever}, func(n int, _ string, _ wire.Envelope) error {
			if n%3 == 1 {
				return &ackLost{}
			}
			return nil
		})
		b.out.add("queue.a", storage.LaneQueue, 20)
		time.Sleep(5 * time.Minute)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 20})
		seen := map[uint64]int{}
		for _, seq := range b.svc.accepted["queue.a"] {
			seen[seq]++
		}
		payloads := slices.Compact(slices.Clone(b.svc.payloads["queue.a"]))
		if len(payloads) != 20 {
			t.Errorf("%d different payloads were sent for 20 events: a retry changed the bytes", len(payloads))
		}
	})
}

func TestRefusedForGoodIsQuarantinedAloneAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poison := func(_ int, _ string, env wire.Envelope) error {
			for _, e := range env.Events {
				if e.GW.Seq == 13 {
					return &pubnub.Error{Class: pubnub.Refused, Status: 400}
				}
			}
			return nil
		}
		b := start(t, uplink.Config{Batch: uplink.BatchPlain, BatchAbove: 4}, poison)
		b.out.add("queue.a", storage.LaneQueue, 30)
		time.Sleep(5 * time.Minute)
		b.stop()
		if got := b.out.gaps; !slices.Equal(got, []string{"queue.a 1/13-13"}) {
			t.Errorf("gap records %q, want one for event 13", got)
		}
		if got := b.out.streams["queue.a"].refused; !slices.Equal(got, []uint64{13}) {
			t.Errorf("quarantined %v, want 13", got)
		}
		var want []uint64
		for seq := uint64(1); seq <= 30; seq++ {
			if seq != 13 {
				want = append(want, seq)
			}
		}
		if !slices.Equal(b.svc.accepted["queue.a"], want) {
			t.Errorf("accepted %v", b.svc.accepted["queue.a"])
		}
	})
}

func TestDeniedNeverDropsNeverSpinsAndAFreshTokenEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var granted atomic.Bool
		b := start(t, uplink.Config{}, func(int, string, wire.Envelope) error {
			if !granted.Load() {
				return &pubnub.Error{Class: pubnub.Denied, Status: 403}
			}
			return nil
		})
		b.out.add("queue.a", storage.LaneQueue, 3)
		time.Sleep(10 * time.Minute)
		if n := b.svc.count(&b.svc.requests); n > 11 {
			t.Errorf("%d requests in 10 minutes of refusals", n)
		}
		granted.Store(true)
		b.up.TokenRefreshed()
		time.Sleep(time.Second)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 3})
	})
}

// The refusal of a token that was replaced while the request was under way says
// nothing about the new one.
func TestDeniedWithATokenThatWasReplacedTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{}, func(n int, _ string, _ wire.Envelope) error {
			if n == 1 {
				time.Sleep(2 * time.Second)
				return &pubnub.Error{Class: pubnub.Denied, Status: 403}
			}
			return nil
		})
		b.out.add("queue.a", storage.LaneQueue, 1)
		time.Sleep(time.Second)
		b.up.TokenRefreshed()
		time.Sleep(2 * time.Second)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 1})
	})
}

func TestThrottledWaitsAsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{}, func(n int, _ string, _ wire.Envelope) error {
			if n == 1 {
				return &pubnub.Error{Class: pubnub.Throttled, Status: 429, RetryAfter: 90 * time.Second}
			}
			return nil
		})
		b.out.add("queue.a", storage.LaneQueue, 1)
		time.Sleep(89 * time.Second)
		if n := b.svc.count(&b.svc.requests); n != 1 {
			t.Errorf("%d requests before Retry-After was over", n)
		}
		time.Sleep(5 * time.Second)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 1})
	})
}

func TestReturningLinkCancelsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		b := start(t, uplink.Config{}, func(int, string, wire.Envelope) error {
			if !up.Load() {
				return &pubnub.Error{Class: pubnub.Temporary}
			}
			return nil
		})
		for i := range 20 {
			b.out.add(fmt.Sprintf("queue.d%d", i), storage.LaneQueue, 1)
		}
		time.Sleep(10 * time.Minute)
		// One probe at a time, not one from each of the 20 streams.
		if n := b.svc.count(&b.svc.requests); n > 600 {
			t.Errorf("%d probes in 10 minutes without network", n)
		}
		up.Store(true)
		before := b.svc.count(&b.svc.messages)
		b.up.LinkUp()
		time.Sleep(200 * time.Millisecond)
		if b.svc.count(&b.svc.messages) == before {
			t.Error("nothing was accepted 0.2 s after the link came back")
		}
		time.Sleep(5 * time.Second)
		b.stop()
		if w := b.out.waiting(); w != 0 {
			t.Errorf("%d events still wait", w)
		}
	})
}

// Where there was nothing to send, the network said nothing: a probe does not
// follow at once because of it.
func TestNothingToSendIsNoAnswer(t *testing.T) {
	probes := map[bool]int{}
	for _, hollow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, uplink.Config{}, func(int, string, wire.Envelope) error { return &pubnub.Error{Class: pubnub.Temporary} })
			if hollow {
				b.out.add("queue.b", storage.LaneQueue, 1)
				b.out.hide("queue.b")
			}
			b.out.add("queue.a", storage.LaneQueue, 1)
			time.Sleep(10 * time.Minute)
			probes[hollow] = b.svc.count(&b.svc.requests)
			b.stop()
		})
	}
	if probes[true] > probes[false]*11/10 {
		t.Errorf("%d probes beside a stream with nothing to send, %d without", probes[true], probes[false])
	}
}

// A request that was sent into a dead network may hang for many seconds.
func TestReturningLinkGivesUpWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{}, func(n int, _ string, _ wire.Envelope) error {
			if n == 1 {
				return &pubnub.Error{Class: pubnub.Temporary}
			}
			return nil
		})
		b.svc.hangs = func(n int) bool { return n == 2 }
		b.out.add("queue.a", storage.LaneQueue, 1)
		time.Sleep(time.Minute)
		if n, m := b.svc.count(&b.svc.requests), b.svc.count(&b.svc.messages); n != 2 || m != 0 {
			t.Fatalf("%d requests and %d messages before the link came back", n, m)
		}
		b.up.LinkUp()
		time.Sleep(100 * time.Millisecond)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 1})
		if p := slices.Compact(b.svc.payloads["queue.a"]); len(p) != 1 {
			t.Errorf("the request was made again with other bytes")
		}
	})
}

// While requests are answered, a word about the link disturbs none of them.
func TestLinkUpLeavesALivingRequestAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{}, nil)
		b.svc.delay = 5 * time.Second
		b.out.add("queue.a", storage.LaneQueue, 1)
		time.Sleep(4 * time.Second)
		b.up.LinkUp()
		time.Sleep(2 * time.Second)
		b.stop()
		if b.svc.requests != 1 || b.out.waiting() != 0 {
			t.Errorf("%d requests for one event, %d still wait", b.svc.requests, b.out.waiting())
		}
	})
}

// What follows a batch is made while the batch is under way: making a request
// takes 20 ms here, the round trip 50.
func TestBacklogWaitsForTheNetworkOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{Batch: uplink.BatchPlain}, nil)
		b.cipher.takes = 20 * time.Millisecond
		b.out.add("queue.a", storage.LaneQueue, 2000)
		began := time.Now()
		for b.out.waiting() > 0 {
			time.Sleep(time.Millisecond)
		}
		took := time.Since(began)
		b.stop()
		b.inOrder(t, map[string]int{"queue.a": 2000})
		if b.svc.messages < 10 {
			t.Fatalf("only %d batches: the test shows nothing", b.svc.messages)
		}
		if most := time.Duration(b.svc.messages)*52*time.Millisecond + 25*time.Millisecond; took > most {
			t.Errorf("%d batches took %v, want at most %v", b.svc.messages, took, most)
		}
	})
}

// A full store may give up events after a request with them was made ahead.
func TestDroppedEventsAreNotPublishedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *bench
		b = start(t, uplink.Config{Batch: uplink.BatchPlain}, func(n int, _ string, _ wire.Envelope) error {
			if n == 1 {
				b.out.drop("telemetry.a", 1500)
			}
			return nil
		})
		b.out.add("telemetry.a", storage.LaneTelemetry, 2000)
		time.Sleep(time.Minute)
		b.stop()
		first := b.svc.accepted["telemetry.a"]
		rest := first[slices.IndexFunc(first, func(seq uint64) bool { return seq > 1500 }):]
		if len(rest) != 500 || rest[0] != 1501 {
			t.Fatalf("%d events were accepted after the dropped ones", len(rest))
		}
		for _, seq := range first[:len(first)-500] {
			if seq > uint64(len(first)-500) {
				t.Errorf("event %d was published after it was dropped", seq)
			}
		}
		if len(first)-500 > 300 {
			t.Errorf("%d events before 1501 were published: more than one batch", len(first)-500)
		}
	})
}

func TestNetworkBackWithoutAHintIsFoundWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up atomic.Bool
		b := start(t, uplink.Config{}, func(int, string, wire.Envelope) error {
			if !up.Load() {
				return &pubnub.Error{Class: pubnub.Temporary}
			}
			return nil
		})
		b.out.add("queue.a", storage.LaneQueue, 50)
		time.Sleep(10 * time.Minute)
		up.Store(true)
		time.Sleep(5 * time.Second)
		if b.svc.count(&b.svc.messages) == 0 {
			t.Error("nothing was accepted 5 s after the network came back")
		}
		b.stop()
	})
}

func TestEmergencyPassesABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{Batch: uplink.BatchNever}, nil)
		for i := range 40 {
			b.out.add(fmt.Sprintf("notification.n%d", i), storage.LaneNotification, 200)
		}
		time.Sleep(2 * time.Second)
		b.svc.mu.Lock()
		before := len(b.svc.order)
		b.svc.mu.Unlock()
		b.out.add("emergency.a", storage.LaneEmergency, 1)
		time.Sleep(120 * time.Millisecond)
		b.svc.mu.Lock()
		after := slices.Clone(b.svc.order[before:])
		b.svc.mu.Unlock()
		if !slices.Contains(after, "emergency.a") {
			t.Errorf("the emergency was not accepted within two round trips: %v", after)
		}
		b.stop()
	})
}

func TestStopGivesUpWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, uplink.Config{}, nil)
		b.svc.hold(time.Hour)
		b.out.add("queue.a", storage.LaneQueue, 1)
		time.Sleep(time.Second)
		began := time.Now()
		b.stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("stop took %v", took)
		}
		if b.out.waiting() != 1 {
			t.Error("an unanswered event left the outbox")
		}
	})
}

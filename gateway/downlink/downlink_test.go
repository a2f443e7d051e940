package downlink

import (
	"bytes"
	"context"
	"encoding/json"
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
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/uuid"
)

const department = "queue.cardiology"

// cloud is PubNub in memory: histories whose messages may become visible late.
type cloud struct {
	mu    sync.Mutex
	log   map[string][]stored // by channel, oldest first
	bell  func(pubnub.Message)
	reads []string
	fail  error
}

type stored struct {
	pubnub.Message
	visible time.Time
}

func (c *cloud) publish(m pubnub.Message, late time.Duration) {
	c.mu.Lock()
	m.Timetoken = pubnub.TimetokenAt(time.Now())
	list := c.log[m.Channel]
	if n := len(list); n > 0 {
		m.Timetoken = max(m.Timetoken, list[n-1].Timetoken+1)
	}
	c.log[m.Channel] = append(list, stored{m, time.Now().Add(late)})
	bell := c.bell
	c.mu.Unlock()
	if bell != nil {
		bell(m)
	}
}

func (c *cloud) History(_ context.Context, channel string, after pubnub.Timetoken, limit int) (page []pubnub.Message, more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = append(c.reads, channel)
	if c.fail != nil {
		return nil, false, c.fail
	}
	for _, m := range c.log[channel] {
		if m.Timetoken <= after || m.visible.After(time.Now()) {
			continue
		}
		if len(page) == limit {
			return page, true, nil
		}
		page = append(page, m.Message)
	}
	return page, false, nil
}

func (c *cloud) Listen(ctx context.Context, _ []string, ring func(pubnub.Message)) error {
	c.mu.Lock()
	c.bell = ring
	c.mu.Unlock()
	ring(pubnub.Message{}) // connected: something may have been missed
	<-ctx.Done()
	return nil
}

// bench is one downlink over a real store.
type bench struct {
	t      *testing.T
	cloud  *cloud
	cipher *pubnub.Cipher
	store  *storage.Store
	dir    string
	untold atomic.Bool // nobody has told the time
	down   *Downlink
	stop   func()

	mu      sync.Mutex
	applied []Believed // guarded by mu
	echoed  []Believed
	refused []Refusal
	live    []pubnub.Message
	failing error // of Apply
}

var peers = registry{"lobby-1": {key: key("a")}, "lobby-2": {key: key("b")}, "lobby-3": {key: key("c")}}

func newBench(t *testing.T) *bench {
	t.Helper()
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "k", Key: []byte("a cipher key of a made-up clinic")}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)))
	b := &bench{t: t, cloud: &cloud{log: map[string][]stored{}}, cipher: cipher, dir: t.TempDir()}
	b.open()
	return b
}

func (b *bench) open() {
	b.t.Helper()
	var err error
	b.store, _, err = storage.Open(context.Background(), storage.Options{
		Dir: b.dir, Kiosk: "lobby-2", Kinds: kiosk.Kinds(), NoSync: true,
		Keys: storagetest.NewKeys("lobby-2").Preload("queue", "consent", "audit", "telemetry", "roster", storage.ClassStore, storage.ClassView),
		Now:  func() storage.Instant { return storage.Instant{Wall: time.Now(), Synced: true} },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.down, err = New(Config{
		Self: "lobby-2", Durable: []string{department, "consent.riverside", "device.lobby-1"}, Live: []string{"presence.providers.cardiology"}, Unsigned: true,
		Now: func() time.Time {
			if b.untold.Load() {
				return time.Time{}
			}
			return time.Now()
		},
		Apply: func(_ *storage.Tx, e Believed) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.failing != nil {
				return b.failing
			}
			b.applied = append(b.applied, e)
			return nil
		},
		Echo: func(_ *storage.Tx, e Believed) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.echoed = append(b.echoed, e)
			return nil
		},
		OnLive: func(m pubnub.Message) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.live = append(b.live, m)
		},
		Refused: func(_ string, why Refusal) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.refused = append(b.refused, why)
		},
	}, b.cloud, b.cipher, b.store, peers, staff{"dr-vega": "cardiology"}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.down.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("Run: %v", err)
		}
		if err := b.store.Close(context.Background()); err != nil {
			b.t.Error(err)
		}
	}
}

func (b *bench) restart() {
	b.t.Helper()
	b.stop()
	b.open()
}

// send publishes a run of a kiosk's events, one alone or several in a batch.
func (b *bench) send(kioskID string, late time.Duration, run ...storage.Record) {
	b.t.Helper()
	s := wire.Signer{Kiosk: kioskID, Key: peers[kioskID].key}
	text, err := s.Message(run[0])
	if len(run) > 1 {
		text, _, err = s.Batch(run, true)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.cloud.publish(pubnub.Message{Channel: run[0].Channel, Payload: b.seal(text), Publisher: kioskID}, late)
}

func (b *bench) seal(text []byte) json.RawMessage {
	b.t.Helper()
	cipher, err := b.cipher.Encrypt(text)
	if err != nil {
		b.t.Fatal(err)
	}
	payload, _ := json.Marshal(cipher)
	return payload
}

// event is the n-th queue event of a kiosk.
func (b *bench) event(kioskID string, n uint64) storage.Record {
	b.t.Helper()
	return made(b.t, department, n, fmt.Sprintf(statusBody, "kiosk:"+kioskID))
}

func (b *bench) status() Status { return b.down.Status() }

// took lists the sequence numbers applied of a kiosk's channel.
func (b *bench) took(kioskID, channel string) (list []uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.applied {
		if e.Origin.Kiosk == kioskID && e.Channel == channel {
			list = append(list, e.Origin.Seq)
		}
	}
	return list
}

func (b *bench) wantTook(kioskID string, want ...uint64) {
	b.t.Helper()
	if got := b.took(kioskID, department); !slices.Equal(got, want) {
		b.t.Errorf("applied %v of %s, want %v", got, kioskID, want)
	}
}

func inBubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		defer func() { b.stop() }()
		test(b)
	})
}

func TestDownlinkReadsWhatIsThere(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		b.send("lobby-1", 0, b.event("lobby-1", 2), b.event("lobby-1", 3), b.event("lobby-1", 4))
		b.send("lobby-2", 0, b.event("lobby-2", 1))
		b.send("lobby-3", 0, b.event("lobby-3", 1))
		time.Sleep(5 * time.Second)
		b.wantTook("lobby-1", 1, 2, 3, 4)
		b.wantTook("lobby-3", 1)
		b.wantTook("lobby-2")
		if s := b.status(); s.Applied != 5 || s.Echoes != 1 || len(b.echoed) != 1 || b.echoed[0].Origin.Kiosk != "lobby-2" {
			t.Errorf("status %+v with %d echoes", s, len(b.echoed))
		}
		records, err := b.store.Read(context.Background(), department, "lobby-1", storage.Cursor{}, 10)
		if err != nil || len(records) != 4 || !bytes.Equal(records[2].Body, b.event("lobby-1", 3).Body) {
			t.Errorf("stored %d records (%v)", len(records), err)
		}
	})
}

// A kiosk that worked for days before it met PubNub reads what was said since, and
// no more of it than is kept.
func TestDownlinkReadsFarEnoughBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.untold.Store(true) // nobody tells the time without a network
		time.Sleep(time.Minute)
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		time.Sleep(5 * 24 * time.Hour)
		b.untold.Store(false)
		time.Sleep(2 * sweepEvery)
		b.wantTook("lobby-1", 1)
	})
	for channel, want := range map[string]time.Duration{"roster.cardiology": 48 * time.Hour, department: 30 * 24 * time.Hour} {
		if got := kept(channel); got != want {
			t.Errorf("%s is kept for %v, want %v", channel, got, want)
		}
	}
}

// The bell rings for what is live; with no bell at all the sweep finds it.
func TestDownlinkNeedsNoBell(t *testing.T) {
	inBubble(t, func(b *bench) {
		time.Sleep(time.Second)
		b.cloud.mu.Lock()
		b.cloud.bell = nil
		b.cloud.mu.Unlock()
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		time.Sleep(sweepEvery + time.Second)
		b.wantTook("lobby-1", 1)
	})
}

// What becomes visible within the overlap after newer messages is still seen,
// and nothing that the overlap brings again is taken twice, over a restart too.
func TestDownlinkSeesWhatComesLate(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.send("lobby-1", 110*time.Second, b.event("lobby-1", 1))
		for n := range uint64(30) {
			b.send("lobby-3", 0, b.event("lobby-3", n+1))
			time.Sleep(3 * time.Second)
		}
		b.wantTook("lobby-1")
		b.restart()
		time.Sleep(3 * time.Minute)
		b.wantTook("lobby-1", 1)
		if got := b.took("lobby-3", department); len(got) != 30 {
			t.Errorf("%d of lobby-3's events were applied", len(got))
		}
	})
}

func TestDownlinkPages(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.cloud.mu.Lock()
		b.cloud.fail = &pubnub.Error{Op: "history", Class: pubnub.Temporary, Reason: pubnub.ReasonConnection}
		b.cloud.mu.Unlock()
		time.Sleep(time.Minute)
		if s := b.status(); s.Failing == "" {
			t.Error("an unanswered read does not show")
		}
		const n = 4*pageSize + 7
		var want []uint64
		for seq := range uint64(n) {
			b.send("lobby-1", 0, b.event("lobby-1", seq+1))
			want = append(want, seq+1)
		}
		b.cloud.mu.Lock()
		b.cloud.fail = nil
		b.cloud.mu.Unlock()
		time.Sleep(10 * time.Second)
		b.wantTook("lobby-1", want...)
		if s := b.status(); s.Failing != "" || s.Duplicates != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// A repeat is no news, however it travels the second time; other content under
// the same id is a conflict and changes nothing.
func TestDownlinkTellsRepeatFromConflict(t *testing.T) {
	inBubble(t, func(b *bench) {
		one, two := b.event("lobby-1", 1), b.event("lobby-1", 2)
		b.send("lobby-1", 0, one)
		b.send("lobby-1", 0, one, two)
		b.send("lobby-1", 0, two)
		time.Sleep(5 * time.Second)
		b.wantTook("lobby-1", 1, 2)
		if s := b.status(); s.Duplicates != 2 || len(s.Refused) != 0 {
			t.Errorf("repeats gave %+v", s)
		}
		// Each repeat is told, for its timetoken may be the smaller one.
		if len(b.echoed) != 2 || b.echoed[0].ID != one.ID || b.echoed[1].ID != two.ID {
			t.Errorf("%d repeats were told", len(b.echoed))
		}
		other := made(t, department, 1, fmt.Sprintf(statusBody, "staff:ana"))
		other.ID = one.ID
		b.send("lobby-1", 0, other)
		// Another kiosk takes the id for an event of its own.
		stolen := b.event("lobby-3", 1)
		stolen.ID = two.ID
		b.send("lobby-3", 0, stolen)
		time.Sleep(5 * time.Second)
		b.wantTook("lobby-1", 1, 2)
		b.wantTook("lobby-3")
		if s := b.status(); s.Refused[RefusedConflict] != 2 {
			t.Errorf("conflicts gave %+v", s)
		}
	})
}

// The same place under a new id is a replay of something forgotten, or a lie.
func TestDownlinkRefusesReplay(t *testing.T) {
	inBubble(t, func(b *bench) {
		for n := range uint64(5) {
			b.send("lobby-1", 0, b.event("lobby-1", n+1))
		}
		time.Sleep(2 * time.Second)
		again := b.event("lobby-1", 3)
		again.ID = uuid.NewSHA1(uuid.Nil, []byte("another id"))
		b.send("lobby-1", 0, again)
		ahead := b.event("lobby-1", 9)
		b.send("lobby-1", 0, ahead)
		time.Sleep(2 * time.Second)
		ahead.ID = uuid.NewSHA1(uuid.Nil, []byte("yet another id"))
		b.send("lobby-1", 0, ahead)
		time.Sleep(2 * time.Second)
		b.wantTook("lobby-1", 1, 2, 3, 4, 5, 9)
		if s := b.status(); s.Refused[RefusedReplay] != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

// A GAP record closes the hole for good: the contiguous mark moves on, and the
// one that was missing is still believed once if it comes after all.
func TestDownlinkTakesAGapForAnAnswer(t *testing.T) {
	inBubble(t, func(b *bench) {
		for _, n := range []uint64{1, 2, 5, 6} {
			b.send("lobby-1", 0, b.event("lobby-1", n))
		}
		gap := func(seq uint64, kioskID, channel string, first, last uint64) {
			r := made(t, "device.lobby-1", seq, fmt.Sprintf(
				`{"type":"GAP","channel":%q,"inc":1,"first":%d,"last":%d,"count":%d,"reason":"refused","timestamp":"2026-11-22T09:00:00Z"}`, channel, first, last, last-first+1))
			r.ID = uuid.NewSHA1(r.ID, []byte(kioskID))
			b.send(kioskID, 0, r)
		}
		mark := func() uint64 {
			time.Sleep(2 * time.Second)
			var p *progress
			err := b.store.Update(context.Background(), func(tx *storage.Tx) (err error) {
				p, err = loadProgress(tx, peerKey("lobby-1", 1, department))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return p.contiguous
		}
		if got := mark(); got != 2 {
			t.Fatalf("contiguous %d before the gap record", got)
		}
		gap(1, "lobby-3", department, 3, 4) // about another kiosk's stream: nobody speaks for others
		if got := mark(); got != 2 {
			t.Errorf("lobby-3 closed lobby-1's hole: contiguous %d", got)
		}
		gap(1, "lobby-1", department, 3, 4)
		if got := mark(); got != 6 {
			t.Errorf("contiguous %d after the gap record, want 6", got)
		}
		for i, bad := range []string{`{"type":"GAP","channel":"queue.cardiology","inc":1,"first":0,"last":9}`,
			`{"type":"GAP","channel":"queue.cardiology","inc":1,"first":9,"last":7}`, `{"type":"GAP","channel":"nowhere","inc":1,"first":7,"last":9}`,
			`{"type":"GAP","channel":7}`} {
			b.send("lobby-1", 0, made(t, "device.lobby-1", uint64(2+i), bad))
		}
		if got := mark(); got != 6 {
			t.Errorf("contiguous %d after gap records without sense", got)
		}
		b.send("lobby-1", 0, b.event("lobby-1", 4))
		again := b.event("lobby-1", 4)
		again.ID = uuid.NewSHA1(uuid.Nil, []byte("another id"))
		b.send("lobby-1", 0, again)
		b.send("lobby-1", 0, b.event("lobby-1", 7))
		if got := mark(); got != 7 {
			t.Errorf("contiguous %d at the end", got)
		}
		b.wantTook("lobby-1", 1, 2, 5, 6, 4, 7)
	})
}

// Nothing that a publisher can send stops the messages behind it.
func TestDownlinkIsNotStopped(t *testing.T) {
	inBubble(t, func(b *bench) {
		send := func(payload json.RawMessage, publisher string) {
			b.cloud.publish(pubnub.Message{Channel: department, Payload: payload, Publisher: publisher}, 0)
		}
		send(json.RawMessage(`"not base64"`), "x")
		send(json.RawMessage(`{"message":"hi"}`), "x")
		send(json.RawMessage(`7`), "x")
		send(b.seal([]byte("not JSON")), "x")
		send(b.seal([]byte(`{"gw":{}}`)), "x")
		text, err := wire.Signer{Kiosk: "lobby-1", Key: key("a")}.Message(b.event("lobby-1", 1))
		if err != nil {
			t.Fatal(err)
		}
		send(text, "lobby-1") // signed, and not encrypted
		// Valid for a provider, but in RFC 8785 form it is larger than the store takes.
		long := append([]byte(`{"action":"STATUS_UPDATED","queueEntryId":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","newStatus":"waiting","updatedBy":"dr-vega","x":[`), bytes.Repeat([]byte("1e20,"), 4000)...)
		send(append(long, []byte("1]}")...), "dr-vega")
		send(b.seal(fmt.Appendf(nil, statusBody, "dr-vega")), "dr-vega")
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		time.Sleep(5 * time.Second)
		b.wantTook("lobby-1", 1)
		if got := b.took("@dr-vega", department); len(got) != 1 {
			t.Errorf("%d of the provider's messages were applied", len(got))
		}
		if s := b.status(); s.Refused[RefusedUnreadable] != 5 || s.Refused[RefusedKind] != 1 || s.Refused[RefusedSize] != 1 {
			t.Errorf("status %+v", s)
		}
	})
}

// While nothing is answered, one channel after the other is tried, not all of
// them at each turn.
func TestDownlinkProbesOneChannelAtATime(t *testing.T) {
	inBubble(t, func(b *bench) {
		time.Sleep(time.Second)
		b.cloud.mu.Lock()
		b.cloud.fail = &pubnub.Error{Op: "history", Class: pubnub.Temporary, Reason: pubnub.ReasonConnection}
		b.cloud.reads = nil
		b.cloud.mu.Unlock()
		time.Sleep(10 * time.Minute)
		b.cloud.mu.Lock()
		counts := map[string]int{}
		for _, channel := range b.cloud.reads {
			counts[channel]++
		}
		total := len(b.cloud.reads)
		b.cloud.fail = &pubnub.Error{Op: "history", Class: pubnub.Denied, Reason: pubnub.ReasonStatus, Status: 403}
		b.cloud.reads = nil
		b.cloud.mu.Unlock()
		if total > 200 || len(counts) != 3 {
			t.Errorf("%d reads in ten minutes without a network: %v", total, counts)
		}
		for channel, n := range counts {
			if n < total/4 {
				t.Errorf("%s was tried %d times of %d", channel, n, total)
			}
		}
		// A refusal may concern one channel alone: each is tried.
		time.Sleep(10 * time.Second)
		b.cloud.mu.Lock()
		defer b.cloud.mu.Unlock()
		if n := len(b.cloud.reads); n < 6 {
			t.Errorf("%d reads while one channel after the other is refused", n)
		}
	})
}

// Storing, applying and the cursor are one transaction: when applying fails,
// nothing is stored, and the whole page comes again.
func TestDownlinkAppliesOrLeaves(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.mu.Lock()
		b.failing = errors.New("disk")
		b.mu.Unlock()
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		b.send("lobby-1", 0, b.event("lobby-1", 2))
		time.Sleep(5 * time.Second)
		records, err := b.store.Read(context.Background(), department, "lobby-1", storage.Cursor{}, 10)
		if err != nil || len(records) != 0 {
			t.Errorf("%d records stored (%v)", len(records), err)
		}
		b.mu.Lock()
		b.failing = nil
		b.mu.Unlock()
		time.Sleep(10 * time.Second)
		b.wantTook("lobby-1", 1, 2)
	})
}

// With a clock that nobody has set, there is no telling where to begin; reading
// from 1970 back, or from next year on, would miss everything.
func TestDownlinkWaitsForTheTime(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.stop()
		b.untold.Store(true)
		b.send("lobby-1", 0, b.event("lobby-1", 1))
		b.open()
		time.Sleep(time.Minute)
		b.wantTook("lobby-1")
		b.untold.Store(false)
		time.Sleep(10 * time.Second)
		b.wantTook("lobby-1", 1)
	})
}

func TestDownlinkPassesOnWhatIsLive(t *testing.T) {
	inBubble(t, func(b *bench) {
		time.Sleep(time.Second)
		b.cloud.publish(pubnub.Message{Channel: "presence.providers.cardiology", Payload: json.RawMessage(`{}`)}, 0)
		b.cloud.publish(pubnub.Message{Channel: department, Payload: json.RawMessage(`{}`), Kind: pubnub.KindSignal}, 0)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.live) != 2 {
			t.Errorf("%d live messages were passed on", len(b.live))
		}
	})
}

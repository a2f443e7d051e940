package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

const (
	siteName   = "main"
	department = "queue.cardiology"
	statusBody = `{"action":"STATUS_UPDATED","queueEntryId":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","newStatus":"waiting","updatedBy":"staff:ana","timestamp":"2026-11-22T09:00:%02dZ"}`
	beatBody   = `{"type":"HEARTBEAT","timestamp":"2026-11-22T09:00:00Z"}`
)

// broker is the site's, in memory: at once, in order, to everyone who is on it.
type broker struct {
	mu    sync.Mutex
	ports []*port
	sent  [][2]string // guarded by mu: topics and payloads
}

type port struct {
	broker    *broker
	handle    func(ctx context.Context, topic string, payload []byte) error
	connected func()
	off       bool // guarded by broker.mu
	tapped    func(topic string) bool
}

func (p *port) Subscribe(_ string, handle func(context.Context, string, []byte) error) {
	p.handle = handle
}
func (p *port) Connected(f func()) { p.connected = f }

func (p *port) Publish(ctx context.Context, topic string, payload []byte) error {
	p.broker.mu.Lock()
	off := p.off
	p.broker.mu.Unlock()
	if off {
		return fmt.Errorf("not connected")
	}
	p.broker.send(topic, payload)
	return nil
}

func (b *broker) send(topic string, payload []byte) {
	b.mu.Lock()
	b.sent = append(b.sent, [2]string{topic, string(payload)})
	ports := slices.Clone(b.ports)
	b.mu.Unlock()
	for _, p := range ports {
		b.mu.Lock()
		off := p.off || p.tapped != nil && p.tapped(topic)
		b.mu.Unlock()
		if !off {
			_ = p.handle(context.Background(), topic, bytes.Clone(payload))
		}
	}
}

// turn takes a kiosk off the broker, or brings it back.
func (b *broker) turn(k *member, on bool) {
	b.mu.Lock()
	k.port.off = !on
	b.mu.Unlock()
	if on {
		k.port.connected()
	}
}

// count counts what was said at topics with a prefix.
func (b *broker) count(prefix string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.sent {
		if strings.HasPrefix(m[0], prefix) {
			n++
		}
	}
	return n
}

// member is one kiosk of the site.
type member struct {
	t        *testing.T
	site     *group
	id       string
	key      ed25519.PrivateKey
	store    *storage.Store
	port     *port
	exchange *Exchange
	untold   bool // nobody has told it the time; not changed while it runs
	stop     func()

	mu      sync.Mutex
	applied []string // guarded by mu: ids
	told    []downlink.Refusal
}

// group is a site of kiosks and who else has a key.
type group struct {
	t       *testing.T
	broker  *broker
	cipher  *pubnub.Cipher
	members []*member
	ended   ed25519.PrivateKey // of lobby-old: ended a minute ago
	ending  ed25519.PrivateKey // of lobby-last: ends in an hour
	server  ed25519.PrivateKey
}

func seed(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte(name+"................................"), 1)[:32])
}

func newGroup(t *testing.T, ids ...string) *group {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)))
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "k", Key: []byte("a cipher key of a made-up clinic")}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	g := &group{t: t, broker: &broker{}, cipher: cipher, ended: seed("old"), ending: seed("last"), server: seed("server")}
	for _, id := range ids {
		m := &member{t: t, site: g, id: id, key: seed(id)}
		g.members = append(g.members, m)
		var err error
		m.store, _, err = storage.Open(context.Background(), storage.Options{
			Dir: t.TempDir(), Kiosk: id, Kinds: kiosk.Kinds(), NoSync: true,
			Keys: storagetest.NewKeys(id).Preload("queue", "consent", "audit", "telemetry", "roster", storage.ClassStore, storage.ClassView),
			Now:  m.now,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.store.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return g
}

func (m *member) now() storage.Instant {
	return storage.Instant{Wall: time.Now(), Boot: uuid.NewSHA1(uuid.Nil, []byte(m.id)), Mono: time.Duration(time.Now().UnixNano() % 1e15), Synced: !m.untold}
}

// SigningKey implements downlink.Registry.
func (m *member) SigningKey(id, kid string) (ed25519.PublicKey, uint64, uint64, bool) {
	of := map[string]ed25519.PrivateKey{"lobby-old": m.site.ended, "lobby-last": m.site.ending, downlink.Authority: m.site.server}
	for _, o := range m.site.members {
		of[o.id] = o.key
	}
	key, ok := of[id]
	if !ok {
		return nil, 0, 0, false
	}
	pub := key.Public().(ed25519.PublicKey)
	until := uint64(0)
	switch id {
	case "lobby-old":
		until = uint64(pubnub.TimetokenAt(time.Now().Add(-time.Minute)))
	case "lobby-last":
		until = uint64(pubnub.TimetokenAt(time.Now().Add(time.Hour)))
	}
	return pub, 0, until, wire.KeyID(pub) == kid
}

// start connects a kiosk.
func (m *member) start() {
	m.t.Helper()
	m.port = &port{broker: m.site.broker}
	inlet := downlink.NewInlet(downlink.InletConfig{Self: m.id, Now: func() time.Time {
		if m.untold {
			return time.Time{}
		}
		return time.Now()
	}, Apply: func(_ *storage.Tx, b downlink.Believed) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.applied = append(m.applied, b.ID.String())
		return nil
	}}, m.store, m)
	var err error
	m.exchange, err = New(Config{
		Site: siteName, Self: m.id, Channels: []string{department, "emergency.cardiology", "roster.cardiology", "consent.riverside"},
		Kiosks: func() []string {
			list := []string{"lobby-old", "lobby-last", downlink.Authority}
			for _, o := range m.site.members {
				if o != m {
					list = append(list, o.id)
				}
			}
			return list
		},
		Signer: func() (wire.Signer, error) { return wire.Signer{Kiosk: m.id, Key: m.key}, nil }, Now: m.now,
		Refused: func(_ string, why downlink.Refusal) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.told = append(m.told, why)
		},
	}, m.port, m.store, inlet, m.site.cipher, slog.New(slog.DiscardHandler))
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := m.exchange.Run(ctx); err != nil {
			m.t.Errorf("Run: %v", err)
		}
	}()
	b := m.site.broker
	b.mu.Lock()
	b.ports = append(b.ports, m.port)
	b.mu.Unlock()
	m.port.connected()
	m.stop = func() {
		b.mu.Lock()
		b.ports = slices.DeleteFunc(b.ports, func(p *port) bool { return p == m.port })
		b.mu.Unlock()
		cancel()
		<-done
		m.stop = nil
	}
}

// do appends n events of this kiosk.
func (m *member) do(channel, kind, body string, n int) {
	m.t.Helper()
	for i := range n {
		text := body
		if strings.Contains(body, "%02d") {
			text = fmt.Sprintf(body, i%60)
		}
		canonical, err := jcs.Transform([]byte(text))
		if err != nil {
			m.t.Fatal(err)
		}
		id, _ := uuid.NewV7()
		if _, err := m.store.Append(context.Background(), storage.Event{ID: id, Channel: channel, Kind: kind, Body: canonical}); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m *member) status(n int) { m.do(department, "queue/STATUS_UPDATED", statusBody, n) }

// holds counts what is stored of another's channel, and fails where anything is
// there twice or in another place than its maker's.
func (m *member) holds(of *member, channel string) int {
	m.t.Helper()
	theirs, err := m.store.Read(context.Background(), channel, of.id, storage.Cursor{}, 10_000)
	if err != nil {
		m.t.Fatal(err)
	}
	own, err := of.store.Read(context.Background(), channel, "", storage.Cursor{}, 10_000)
	if err != nil {
		m.t.Fatal(err)
	}
	made := map[uint64]storage.Record{}
	for _, r := range own {
		made[r.Seq] = r
	}
	for _, r := range theirs {
		if o := made[r.Seq]; o.ID != r.ID || o.Inc != r.Inc || o.HLC != r.HLC || !bytes.Equal(o.Body, r.Body) {
			m.t.Errorf("%s holds another event of %s at %d", m.id, of.id, r.Seq)
		}
		delete(made, r.Seq)
	}
	return len(theirs)
}

// settle lets everything happen that happens within d.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// inSite runs a test with all kiosks of a site on its broker.
func inSite(t *testing.T, ids []string, f func(t *testing.T, g *group)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t, ids...)
		for _, m := range g.members {
			m.start()
		}
		defer func() {
			for _, m := range g.members {
				if m.stop != nil {
					m.stop()
				}
			}
		}()
		settle(5 * time.Second)
		f(t, g)
	})
}

func (g *group) seal(t *testing.T, text []byte) []byte {
	t.Helper()
	sealed, err := g.cipher.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(sealed)
}

// have is a question as a kiosk would sign it.
func (g *group) have(t *testing.T, by *member, name string, number uint64, lines ...line) []byte {
	t.Helper()
	bodies, _, err := parts(lines)
	if err != nil {
		t.Fatal(err)
	}
	text, err := haveText(wire.Signer{Kiosk: by.id, Key: by.key}, name, by.now(), number, bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func otherThan(m *member, g *group) string {
	for _, o := range g.members {
		if o != m {
			return o.id
		}
	}
	return ""
}

func canonicalText(t *testing.T, text string) []byte {
	t.Helper()
	out, err := jcs.Transform([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// last gives the newest payload said of a channel.
func last(b *broker, channel string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range slices.Backward(b.sent) {
		if strings.HasSuffix(m[0], "/"+channel) {
			return m[1]
		}
	}
	return ""
}

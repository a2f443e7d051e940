package simulation_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"clinicgate/gateway/clock"
	"clinicgate/gateway/downlink"
	"clinicgate/gateway/exchange"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"

	"github.com/google/uuid"
)

// machine is one kiosk as a thing: what stays when its process ends.
type machine struct {
	*clinic
	number int
	id     kiosk.KioskID
	dir    string // of its store; a kill leaves it behind and goes on with a copy
	lives  int
	keys   *keyringtest.Disk // holds its keyring
	pub    ed25519.PublicKey

	boot   uuid.UUID
	booted time.Time     // in truth
	ahead  time.Duration // of its wall clock before the truth
	boots  map[uuid.UUID]time.Time

	line    *line
	process atomic.Pointer[process] // nil while it is down
	ledger  ledger
}

// bootUp is what a power button does: a new boot, and a wall clock that is off.
func (m *machine) bootUp(ahead time.Duration) {
	m.boot, m.booted = uuid.New(), time.Now()
	m.boots[m.boot] = m.booted
	m.step(ahead)
}

// step sets the wall clock of a running machine.
func (m *machine) step(ahead time.Duration) {
	if ahead == flat {
		ahead = time.Unix(0, 0).Sub(time.Now())
	}
	m.ahead = ahead
}

// clocks is what the machine's clocks show.
func (m *machine) clocks() clock.Machine {
	return clock.Machine{Wall: time.Now().Add(m.ahead), Boot: m.boot, Uptime: time.Since(m.booted)}
}

// process is one life of the gateway: the parts that gateway.Gateway puts
// together, without the page, the devices and the control channel.
type process struct {
	*machine
	ring     *keyring.Ring
	cipher   *pubnub.Cipher
	clock    *clock.Clock
	store    *storage.Store
	disk     *disk
	queue    *queue.Queue
	consents *consent.Service
	roster   *roster.Roster
	checkin  *checkin.Service
	uplink   *uplink.Uplink
	down     *downlink.Downlink
	port     *port              // nil without a broker
	exchange *exchange.Exchange // likewise
	journal  kiosk.Journal

	ctx   context.Context
	end   context.CancelFunc
	quiet context.CancelFunc // ends what makes events by itself
	wg    sync.WaitGroup
}

// begin starts the process. A start that fails, because the disk is out of
// sorts, is tried again as the service manager would.
func (m *machine) begin() {
	for try := 1; ; try++ {
		p := &process{machine: m, journal: kiosk.Journal{Organization: organization}}
		err := p.open()
		if err == nil {
			p.run()
			m.process.Store(p)
			return
		}
		p.close()
		if try == 20 {
			m.t.Fatalf("kiosk %s does not start: %v", m.id, err)
		}
		time.Sleep(2 * time.Second)
	}
}

func (p *process) open() (err error) {
	p.ctx, p.end = context.WithCancel(context.Background())
	if p.ring, err = keyring.Open(p.ctx, p.keys, p.keySource, keyring.Options{}); err != nil {
		return err
	}
	p.clock = clock.New(p.clocks())
	var list []pubnub.CipherKey
	for _, s := range p.ring.Secrets(keyring.PubNubCipher) {
		list = append(list, pubnub.CipherKey{ID: s.ID, Key: s.Value.Reveal()})
	}
	if p.cipher, err = pubnub.NewCipher(list, nil); err != nil {
		return err
	}
	p.store, _, err = storage.Open(p.ctx, storage.Options{
		Dir: p.dir, Kiosk: string(p.id), Kinds: kiosk.Kinds(), Keys: p.ring, Now: p.clock.Now, Budget: 64 << 20, NoSync: true,
		OnGap: p.gapRecord, OnCheckpoint: p.checkpointRecord,
	})
	if err != nil {
		return err
	}
	p.disk = &disk{Store: p.store, weather: p.weather, dice: die(p.seed, "disk "+string(p.id)+strconv.Itoa(p.lives))}
	p.lives++
	if err := p.openClinic(); err != nil {
		return err
	}
	return p.openSync()
}

func (p *process) openClinic() (err error) {
	refKey := p.ring.Secrets(keyring.PatientReference)[0].Value.Reveal()
	if p.roster, err = roster.New(roster.Config{Organization: organization, Calendar: calendar, RefKey: refKey}, p.disk); err != nil {
		return err
	}
	if p.consents, err = consent.New(organization, p.forms); err != nil {
		return err
	}
	p.queue, err = queue.New(queue.Config{
		Kiosk: p.id, Organization: organization, Letter: byte('A' + p.number), Calendar: calendar, Departments: p.departments, Providers: p.providers,
		Now: p.clock.Now, Today: p.roster.Today,
		Consents: func(r *storage.Reader, ref kiosk.PatientRef) (kiosk.Consents, error) {
			return p.consents.Consents(r, ref)
		},
	}, p.disk, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var rooms []checkin.Department
	for _, d := range p.departments {
		rooms = append(rooms, checkin.Department{ID: d})
	}
	p.checkin, err = checkin.New(checkin.Config{Kiosk: p.id, Organization: organization, Departments: rooms, Providers: p.providers, RefKey: refKey,
		Earliest: p.earliest, Latest: p.latest, Now: p.clock.Now}, p.queue, p.consents, p.roster, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(p.roster.Load(p.ctx), p.queue.Load(p.ctx), p.checkin.Load(p.ctx))
}

func (p *process) openSync() (err error) {
	p.uplink, err = uplink.New(uplink.Config{
		Batch: p.batch, Signer: p.signer, Quarantined: p.quarantined, Accepted: p.accepted,
	}, p.disk, p.line, p.cipher, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	durable := p.durable()
	durable = slices.DeleteFunc(durable, func(c string) bool { return c == kiosk.DeviceChannel(p.id) })
	p.down, err = downlink.New(downlink.Config{
		Self: string(p.id), Durable: durable, Unsigned: true, Proofs: p.site != nil,
		Now: p.trustedTime, Apply: p.apply,
		Echo: func(tx *storage.Tx, b downlink.Believed) error {
			if b.Definition.Family != kiosk.QueueFamily {
				return nil
			}
			return p.apply(tx, b)
		},
		Refused: func(_ string, why downlink.Refusal) { p.refusals(why) },
	}, p.line, p.cipher, p.queue, p, p, slog.New(slog.DiscardHandler))
	if err != nil || p.site == nil {
		return err
	}
	return p.join()
}

// trustedTime is zero while nobody has told the time since the machine booted.
func (p *process) trustedTime() time.Time {
	if now := p.clock.Now(); now.Synced {
		return now.Wall
	}
	return time.Time{}
}

// run starts every part.
func (p *process) run() {
	p.disk.armed.Store(true)
	var making context.Context
	making, p.quiet = context.WithCancel(p.ctx)
	parts := map[string]func() error{
		"store": func() error {
			if !p.care {
				<-making.Done()
				return nil
			}
			return p.store.Run(making)
		},
		"queue":    func() error { return p.queue.Run(p.ctx) },
		"check-in": func() error { return p.checkin.Run(p.ctx) },
		"clock":    func() error { return p.runClock(making) },
		"uplink":   func() error { return p.uplink.Run(p.ctx) },
		"downlink": func() error { return p.down.Run(p.ctx) },
		"beat":     func() error { return p.runHeartbeat(making) },
		"link":     func() error { return p.runLink(p.ctx) },
	}
	if p.site != nil {
		parts["broker"] = func() error { return p.port.run(p.ctx) }
		parts["exchange"] = func() error { return p.exchange.Run(p.ctx) }
	}
	for name, part := range parts {
		p.wg.Go(func() {
			if err := part(); err != nil {
				p.t.Errorf("kiosk %s: %s ended: %v", p.id, name, err)
			}
		})
	}
	p.audit(kiosk.ServiceStarted)
}

// stop ends the process in good order.
func (m *machine) stop() {
	if p := m.process.Load(); p != nil {
		p.audit(kiosk.ServiceStopped)
		m.record()
		m.process.Store(nil)
		p.close()
	}
}

// kill ends the process where it stands: what goes on is a copy of its files of
// this moment.
func (m *machine) kill() {
	p := m.process.Load()
	if p == nil {
		return
	}
	synctest.Wait()
	m.record()
	old := m.dir
	m.dir = filepath.Join(filepath.Dir(old), fmt.Sprintf("%s-%d", m.id, m.lives))
	if err := os.CopyFS(m.dir, os.DirFS(old)); err != nil {
		m.t.Fatalf("cannot copy store: %v", err)
	}
	m.process.Store(nil)
	p.close()
	if err := os.RemoveAll(old); err != nil {
		m.t.Fatal(err)
	}
}

func (p *process) close() {
	p.end()
	p.wg.Wait()
	if p.exchange != nil {
		p.site.left(p.exchange.Status())
	}
	if p.store != nil {
		if err := p.store.Close(context.Background()); err != nil {
			p.t.Errorf("kiosk %s: %v", p.id, err)
		}
	}
	if p.ring != nil {
		p.ring.Close()
	}
}

// SigningKey implements downlink.Registry.
func (p *process) SigningKey(id, kid string) (pub ed25519.PublicKey, from, until uint64, ok bool) {
	if id == string(p.id) {
		for _, pub := range p.ring.OwnPublicKeys() {
			if wire.KeyID(pub) == kid {
				return pub, 0, 0, true
			}
		}
	}
	for _, s := range p.ring.Secrets(keyring.KioskPublic) {
		if s.Owner == id && s.ID == kid {
			return ed25519.PublicKey(s.Value.Reveal()), uint64(s.From), uint64(s.Until), true
		}
	}
	return nil, 0, 0, false
}

// ProviderIn implements downlink.Staff.
func (p *process) ProviderIn(id kiosk.ProviderID, d kiosk.DepartmentID) bool {
	return slices.ContainsFunc(p.providers, func(q queue.Provider) bool { return q.ID == id && q.Department == d })
}

func (p *process) signer() (wire.Signer, error) {
	return wire.Signer{Kiosk: string(p.id), Key: p.ring.SigningKey()}, nil
}

func (p *process) apply(tx *storage.Tx, b downlink.Believed) error {
	message, err := kiosk.Decode(b.Definition, b.Body)
	if err != nil {
		return nil
	}
	_, err = p.checkin.Apply(tx, kiosk.Received{Channel: b.Channel, ID: b.ID, Origin: b.Origin, Publisher: b.Publisher, Message: message})
	return err
}

func (p *process) accepted(channel string, to storage.Cursor, timetoken uint64) {
	// As in the gateway, a failure is no more than a warning: the echo tells it too.
	_ = p.queue.Learned(p.ctx, channel, to, timetoken)
}

var gapNamespace = uuid.MustParse("6f2d3a52-2c0e-4a5e-9a41-0d5f6f3f6e10")

func gapID(channel string, inc uint32, first uint64, what string) uuid.UUID {
	return kiosk.DeriveID(gapNamespace, what, channel, strconv.FormatUint(uint64(inc), 10), strconv.FormatUint(first, 10))
}

func (p *process) quarantined(ctx context.Context, channel string, inc uint32, first, _ uint64, _ string) error {
	c, _ := kiosk.ParseChannel(channel)
	if c.Family == kiosk.DeviceFamily || c.Family == kiosk.AuditFamily {
		return nil
	}
	act := kiosk.Act{ID: gapID(channel, inc, first, "quarantine"), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "uplink"}}
	return p.disk.Update(ctx, func(tx *storage.Tx) error {
		return p.journal.Audit(tx, act, kiosk.MessageQuarantined, kiosk.AuditFacts{Action: "quarantine", Resource: act.ID.String(), Channel: channel})
	})
}

func (p *process) gapRecord(g storage.Gap) (storage.Event, error) {
	channel := kiosk.DeviceChannel(p.id)
	if g.Channel == channel {
		return storage.Event{}, nil
	}
	d, _ := kiosk.Defined("device/GAP")
	e, err := kiosk.NewEvent(d, channel, kiosk.Gap{Type: "GAP", Channel: g.Channel, Inc: g.Inc, First: g.First, Last: g.Last,
		Count: g.Count, Reason: g.Reason, Timestamp: kiosk.At(g.At)})
	e.ID = gapID(g.Channel, g.Inc, g.First, "gap")
	return e, err
}

func (p *process) checkpointRecord(note []byte) (storage.Event, error) {
	d, _ := kiosk.Defined("audit/AUDIT_CHECKPOINT")
	return kiosk.NewEvent(d, kiosk.AuditChannel(organization),
		kiosk.AuditCheckpoint{Type: "AUDIT_CHECKPOINT", Note: string(note), Timestamp: kiosk.At(p.clock.Now().Wall)})
}

func (p *process) audit(t kiosk.AuditType) {
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"})
	_ = p.try(func(ctx context.Context) error {
		return p.disk.Update(ctx, func(tx *storage.Tx) error {
			return p.journal.Audit(tx, act, t, kiosk.AuditFacts{Action: "process", Resource: string(p.id)})
		})
	})
}

func (p *process) runClock(ctx context.Context) error {
	return p.clock.Run(ctx, clock.Config{Corrected: func(ctx context.Context, boot uuid.UUID, zero time.Time) error {
		act := kiosk.Act{ID: kiosk.DeriveID(boot, "clock-corrected", string(p.id)), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "clock"}}
		id := kiosk.DeriveID(act.ID, "event")
		return p.queue.Update(ctx, func(tx *storage.Tx) error {
			if _, done := tx.Lookup(id); done {
				return nil
			}
			hlc, now := tx.Now()
			body := kiosk.ClockCorrected{Type: "CLOCK_CORRECTED", Boot: boot, Offset: zero.UnixNano(), Timestamp: kiosk.At(now.Wall)}
			if _, err := p.journal.Record(tx, act, kiosk.What{ID: id, Kind: "device/CLOCK_CORRECTED", Channel: kiosk.DeviceChannel(p.id),
				Body: body, Facts: kiosk.AuditFacts{Action: "learn time", Resource: string(p.id)}}); err != nil {
				return err
			}
			return p.queue.Corrected(tx, queue.Clock{Kiosk: string(p.id), Boot: boot}, body.Offset, hlc)
		})
	}}, p.line, slog.New(slog.DiscardHandler))
}

func (p *process) runHeartbeat(ctx context.Context) error {
	for {
		act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorKiosk, ID: string(p.id)})
		_ = p.disk.Update(ctx, func(tx *storage.Tx) error {
			_, now := tx.Now()
			_, err := p.journal.Record(tx, act, kiosk.What{Kind: "device/HEARTBEAT", Channel: kiosk.DeviceChannel(p.id),
				Body: kiosk.Heartbeat{Type: "HEARTBEAT", Timestamp: kiosk.At(now.Wall)}, Facts: kiosk.AuditFacts{Resource: string(p.id)}})
			return err
		})
		if !wait(ctx, p.beat) {
			return nil
		}
	}
}

// runLink reports a network that came back, as systems do that notice it.
func (p *process) runLink(ctx context.Context) error {
	for was := p.weather.linked(p.number); wait(ctx, p.weather.turn(p.number)); {
		now := p.weather.linked(p.number)
		if now && !was {
			p.uplink.LinkUp()
		}
		was = now
	}
	return nil
}

// try does what a person does: again, under the same id, where the disk did not
// say, or said no.
func (p *process) try(do func(context.Context) error) (err error) {
	for range 8 {
		err = do(p.ctx)
		if !errors.Is(err, storage.ErrOutcomeUnknown) && !errors.Is(err, storage.ErrFenced) {
			return err
		}
		time.Sleep(time.Second)
	}
	return err
}

package simulation_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the runs must not depend on the machine's zone files

	"clinicgate/gateway/downlink"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"

	"github.com/google/uuid"
)

const organization kiosk.OrganizationID = "riverside"

var (
	departments = []kiosk.DepartmentID{"cardiology", "radiology"}
	providers   = []queue.Provider{
		{ID: "dr-vega", Name: "Dr. Vega", Department: "cardiology", Room: "Room 4"},
		{ID: "dr-lee", Name: "Dr. Lee", Department: "cardiology", Room: "Room 5"},
		{ID: "dr-okafor", Name: "Dr. Okafor", Department: "radiology", Room: "X-ray 1"},
	}
	calendar  = kiosk.Calendar{Zone: newYork(), DayStarts: 3 * time.Hour}
	refKey    = []byte("the reference key of a made-up clinic")
	cipherKey = []byte("the cipher key of a made-up clinic")
)

func newYork() *time.Location {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return loc
}

// clinic is one run.
type clinic struct {
	t *testing.T
	*plan
	cloud     *cloud
	site      *site // nil where the kiosks have no broker
	machines  []*machine
	forms     *consent.Forms
	keySource keyring.Source
	batch     uplink.BatchMode
	thief     ed25519.PrivateKey // of an attacker: no list has it
	retired   ed25519.PrivateKey // of a kiosk that is gone: listed, believed no more
	acts      sync.WaitGroup

	mu      sync.Mutex
	done    map[deed]int             // guarded by mu: deeds that were acknowledged
	refused map[deed]int             // guarded by mu: deeds that the rules refused
	unasked map[downlink.Refusal]int // guarded by mu: messages not believed
	forged  []uuid.UUID              // guarded by mu: ids of events that an attacker made
	story   []string                 // guarded by mu
}

// retiredKiosk is a listed kiosk whose key ended before the run began.
const retiredKiosk = "old-lobby"

func newClinic(t *testing.T, p *plan) *clinic {
	t.Helper()
	time.Sleep(time.Until(p.start))
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "c1", Key: cipherKey}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &clinic{t: t, plan: p, cloud: newCloud(p.seed, p.weather, cipher), forms: consent.EmbeddedForms(), batch: p.batch,
		thief: keyOf(p.seed, "thief"), retired: keyOf(p.seed, "retired"),
		done: map[deed]int{}, refused: map[deed]int{}, unasked: map[downlink.Refusal]int{}}
	if p.poison > 0 {
		c.cloud.poison = c.poisoned
	}
	if p.lan != nil {
		c.site = newSite(c, p.lan)
	}
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key")
	if err := keyring.CreateKeyFile(keyFile); err != nil {
		t.Fatal(err)
	}
	c.keySource = keyring.KeyFile(keyFile)
	for n, ahead := range p.kiosks {
		m := &machine{clinic: c, number: n, id: kiosk.KioskID("lobby-" + string(rune('a'+n))), keys: keyringtest.NewDisk(), boots: map[uuid.UUID]time.Time{}}
		m.dir = filepath.Join(dir, string(m.id)+"-0")
		if err := os.Mkdir(m.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		m.line = &line{cloud: c.cloud, number: n, id: string(m.id)}
		m.ledger = newLedger()
		m.bootUp(ahead)
		c.machines = append(c.machines, m)
	}
	c.exchangeKeys()
	for _, m := range c.machines {
		m.begin()
	}
	return c
}

// exchangeKeys gives every kiosk the clinic's keys and the public keys of all.
func (c *clinic) exchangeKeys() {
	named := func(kind keyring.Kind, id, owner string, value []byte, until keyring.Timetoken) keyring.Named {
		return keyring.Named{Kind: kind, ID: id, Owner: owner, Value: keyring.NewValue(value), Until: until}
	}
	secrets := []keyring.Named{
		named(keyring.PubNubCipher, "c1", "", cipherKey, 0),
		named(keyring.PatientReference, "r1", "", refKey, 0),
		named(keyring.KioskPublic, "", retiredKiosk, c.retired.Public().(ed25519.PublicKey), keyring.TimetokenOf(c.start)),
	}
	rings := map[*machine]*keyring.Ring{}
	for _, m := range c.machines {
		ring, err := keyring.Create(context.Background(), m.keys, c.keySource, keyring.Options{})
		if err != nil {
			c.t.Fatal(err)
		}
		defer ring.Close()
		rings[m] = ring
		for _, pub := range ring.OwnPublicKeys() {
			m.pub = pub
			secrets = append(secrets, named(keyring.KioskPublic, "", string(m.id), pub, 0))
		}
	}
	for m, ring := range rings {
		var others []keyring.Named
		for _, s := range secrets {
			if s.Owner != string(m.id) {
				others = append(others, s)
			}
		}
		if err := ring.Import(others...); err != nil {
			c.t.Fatal(err)
		}
	}
}

func keyOf(seed uint64, name string) ed25519.PrivateKey {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, name))
	return ed25519.NewKeyFromSeed(sum[:])
}

// durable lists the channels whose history counts.
func (c *clinic) durable() []string {
	list := []string{kiosk.ConsentChannel(organization)}
	for _, d := range c.departments {
		list = append(list, kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d))
	}
	for _, m := range c.machines {
		list = append(list, kiosk.DeviceChannel(m.id))
	}
	return list
}

// poisoned says which events PubNub refuses for good: of streams that the queue
// does not hang on.
func (c *clinic) poisoned(channel string, g wire.GW) bool {
	ch, _ := kiosk.ParseChannel(channel)
	if c.plan.poison == 0 || ch.Family != kiosk.AuditFamily && ch.Family != kiosk.NotificationFamily {
		return false
	}
	return die(c.seed, fmt.Sprint("poison", channel, g.Kiosk, g.Inc, g.Seq)).Float64() < c.plan.poison
}

// refusals counts what a kiosk did not believe.
func (c *clinic) refusals(why downlink.Refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unasked[why]++
}

// tell adds a line to the story of the run.
func (c *clinic) tell(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.story = append(c.story, fmt.Sprintf("%v ", c.weather.now().Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

// run does the steps of the plan, then waits until everything is quiet.
func (c *clinic) run() {
	for _, s := range c.steps {
		time.Sleep(s.at - c.weather.now())
		c.do(s)
	}
	c.acts.Wait()
	time.Sleep(c.weather.end + quietTime - c.weather.now())
	for _, m := range c.machines {
		m.process.Load().quiet()
	}
	time.Sleep(stillTime)
}

// close ends every process.
func (c *clinic) close() {
	for _, m := range c.machines {
		m.stop()
	}
}

// do does one step. What people do takes its time beside everything else.
func (c *clinic) do(s step) {
	m := c.machines[s.kiosk]
	switch s.what {
	case look:
		m.record()
	case restart, reboot:
		c.down(m, s, m.stop)
	case kill, powerCut:
		c.down(m, s, m.kill)
	default:
		c.acts.Go(func() { c.people(s) })
	}
}

// down ends a machine's process and begins another one later.
func (c *clinic) down(m *machine, s step, end func()) {
	if m.process.Load() == nil {
		return
	}
	c.tell("kiosk %s: %s", m.id, s.what)
	end()
	c.mu.Lock()
	c.done[s.what]++
	c.mu.Unlock()
	c.acts.Go(func() {
		time.Sleep(min(s.for_, c.weather.end-c.weather.now()))
		switch {
		case s.what == reboot || s.what == powerCut:
			m.bootUp(s.ahead)
		case s.n%4 == 0:
			m.step(s.ahead)
		}
		m.begin()
	})
}

// tale is what to print about a run that failed.
func (c *clinic) tale() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plan.String() + strings.Join(c.story, "\n")
}

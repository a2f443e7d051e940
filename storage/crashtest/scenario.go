package crashtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
)

// kiosk is the one whose store is tested, otherKiosk one that it hears of.
const (
	kiosk      = "lobby-1"
	otherKiosk = "lobby-2"
)

// Kinds of events in the scenario.
const (
	kindQueue      = "queue/PATIENT_ADDED"
	kindConsent    = "consent/DECISION"
	kindVitals     = "device/VITALS"
	kindNote       = "local/NOTE"
	kindGap        = "audit/GAP"
	kindCheckpoint = "audit/CHECKPOINT"
)

// Channels of the scenario.
const (
	chanER         = "queue.er"
	chanLab        = "queue.lab"
	chanConsent    = "consent.org"
	chanVitals     = "device.lobby-1"
	chanNote       = "local.notes"
	chanGap        = "audit.gaps"
	chanCheckpoint = "audit.checkpoints"
)

const keptFor = time.Hour // what is delivered, before retention takes it

func kinds() []storage.Kind {
	kept := storage.Retention{Age: keptFor}
	receipt := storage.Retention{Age: keptFor, NeedsReceipt: true}
	return []storage.Kind{
		{Name: kindQueue, KeyClass: "queue", Lane: storage.LaneQueue, Priority: true, Retain: kept},
		{Name: kindConsent, KeyClass: "consent", Lane: storage.LaneConsent, Priority: true, Retain: receipt},
		{Name: kindVitals, KeyClass: "telemetry", Lane: storage.LaneTelemetry, Droppable: true},
		{Name: kindNote, KeyClass: "audit", Lane: storage.LaneAudit, Local: true, Priority: true},
		{Name: kindGap, KeyClass: "audit", Lane: storage.LaneAudit, Priority: true},
		{Name: kindCheckpoint, KeyClass: "audit", Lane: storage.LaneAudit, Priority: true},
	}
}

// Scenario is everything that is done to one store. The same seed gives the same
// scenario.
type Scenario struct {
	Seed   uint64  `json:"seed"`
	Phases []Phase `json:"phases"`
}

// Phase is one life of the process: open, operations, close.
type Phase struct {
	Name   string    `json:"name"`
	Before Mischief  `json:"before,omitempty"`
	At     time.Time `json:"at"` // what the clock says at its start
	Ops    []Op      `json:"ops"`
}

// Mischief is what happens to the files while no process is there.
type Mischief string

// The kinds of mischief.
const (
	ZeroBranch Mischief = "zero-branch" // a page that leads to others is lost
	FlipRecord Mischief = "flip-record" // one bit of one record is turned
	SwapRows   Mischief = "swap-rows"   // two view rows change places
	PutBack    Mischief = "put-back"    // the store file of one phase ago is put back
)

// Do is what an operation does.
type Do string

// The operations.
const (
	DoAppend     Do = "append"     // Events, in one call
	DoUpdate     Do = "update"     // Events and Rows and Cursor, in one function
	DoRefuse     Do = "refuse"     // the same, and then the function changes its mind
	DoConflict   Do = "conflict"   // Events of an id that is stored with other content
	DoAdvance    Do = "advance"    // the outbox of Channel by Count records
	DoReceipt    Do = "receipt"    // the sink holds what was delivered of Channel
	DoRotate     Do = "rotate"     // the key of Class
	DoCheckpoint Do = "checkpoint" // of the audit log
	DoRetain     Do = "retain"     // what is delivered and old goes
	DoCompact    Do = "compact"    // the file
	DoBlob       Do = "blob"       // Blob, and an event that refers to it
)

// Op is one operation. N counts over the whole scenario.
type Op struct {
	N       int             `json:"n"`
	Do      Do              `json:"do"`
	Burst   int             `json:"burst,omitempty"` // operations of one burst wait for the writer together
	Events  []Event         `json:"events,omitempty"`
	Rows    []Row           `json:"rows,omitempty"`
	Cursor  uint64          `json:"cursor,omitempty"` // value of the one downlink cursor
	Channel string          `json:"channel,omitempty"`
	Count   int             `json:"count,omitempty"`
	Outcome storage.Outcome `json:"outcome,omitempty"`
	Class   string          `json:"class,omitempty"`
	Blob    int             `json:"blob,omitempty"` // its size
}

// Event is an event in few words: its body follows from its id.
type Event struct {
	ID      uuid.UUID `json:"id"`
	Channel string    `json:"channel"`
	Kind    string    `json:"kind"`
	Size    int       `json:"size"`
	Foreign uint64    `json:"foreign,omitempty"` // place in the other kiosk's stream
	Twist   bool      `json:"twist,omitempty"`   // other content than the id says
}

// Row is a view row: its value follows from the operation that puts it.
type Row struct {
	Key    byte `json:"key"`
	Delete bool `json:"delete,omitempty"`
}

const (
	viewName   = "entries"
	cursorName = "history"
)

var viewGroup = []byte("day-1")

// text is size bytes that follow from a seed.
func text(seed []byte, size int) []byte {
	out := make([]byte, 0, size+64)
	for n := uint32(0); len(out) < size; n++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint32(seed[:len(seed):len(seed)], n))
		out = hex.AppendEncode(out, sum[:])
	}
	return out[:size]
}

func (e *Event) event() storage.Event {
	seed := e.ID[:]
	if e.Twist {
		seed = append(seed[:len(seed):len(seed)], 1)
	}
	out := storage.Event{
		ID: e.ID, Channel: e.Channel, Kind: e.Kind,
		Body: fmt.Appendf(nil, `{"id":%q,"text":"%s"}`, e.ID, text(seed, e.Size)),
	}
	if e.Foreign > 0 {
		sec, nsec := e.ID.Time().UnixTime()
		at := time.Unix(sec, nsec)
		out.Origin = &storage.Origin{
			Kiosk: otherKiosk, Inc: 1, Seq: e.Foreign, HLC: storage.NewHLC(at),
			Boot: uuid.UUID{15: 9}, Mono: time.Second, Timetoken: uint64(at.UnixNano()/100) + e.Foreign,
		}
	}
	return out
}

func (op *Op) value(r Row) []byte { return text([]byte{r.Key, byte(op.N >> 8), byte(op.N)}, 40) }

func (op *Op) blob() []byte { return text([]byte{'b', byte(op.N >> 8), byte(op.N)}, op.Blob) }

var startOfTime = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// NewScenario makes a scenario of at least 200 operations that does everything
// the store can do at least once.
func NewScenario(seed uint64) *Scenario {
	g := &generator{sc: &Scenario{Seed: seed}, rnd: rand.New(rand.NewPCG(seed, 1))}
	g.phase("create", "")
	g.alone(6)
	g.burst(8)
	g.updates(6)
	g.burst(64)
	g.advance(chanER, 20, storage.Delivered)
	g.again()

	g.phase("groups", "")
	g.alone(4)
	g.op(Op{Do: DoCheckpoint})
	g.burst(64)
	g.updates(4)
	g.advance(chanLab, 9, storage.Quarantined)
	g.burst(8)
	g.advance(chanER, 30, storage.Delivered)
	g.advance(chanConsent, 5, storage.Delivered)
	g.receipt(chanConsent)
	g.burst(8)
	g.again()

	g.phase("keys", "")
	for _, class := range []string{"queue", storage.ClassStore, storage.ClassView, "audit"} {
		g.op(Op{Do: DoRotate, Class: class})
		g.alone(2)
		g.updates(1)
	}
	g.op(Op{Do: DoCheckpoint})
	g.op(Op{Do: DoBlob, Blob: 30_000})
	g.op(Op{Do: DoBlob, Blob: 500})
	g.burst(8)
	g.op(Op{Do: DoRetain})
	g.alone(3)

	g.phase("compact", "")
	g.big(3)
	g.advance(chanER, 40, storage.Delivered)
	g.op(Op{Do: DoRetain})
	g.op(Op{Do: DoCompact})
	g.alone(3)
	g.burst(8)
	g.op(Op{Do: DoCheckpoint})
	g.op(Op{Do: DoBlob, Blob: 9_000})
	g.op(Op{Do: DoCompact})
	g.updates(3)

	g.phase("salvage", ZeroBranch)
	g.alone(3)
	g.updates(2)
	g.op(Op{Do: DoCheckpoint})
	g.burst(8)
	g.advance(chanER, 10, storage.Delivered)
	g.again()

	g.phase("unreadable", FlipRecord)
	g.advance(chanLab, 50, storage.Delivered)
	g.alone(3)
	g.updates(2)
	g.op(Op{Do: DoRetain})
	g.burst(8)
	g.op(Op{Do: DoCheckpoint})

	g.phase("swapped", SwapRows)
	g.alone(2)
	g.updates(3)

	g.phase("rolled back", PutBack)
	g.alone(3)
	g.updates(2)
	g.burst(8)
	g.op(Op{Do: DoCheckpoint})
	g.again()
	return g.sc
}

// SmallScenario is one phase from nothing that touches most of the store: what
// its recording holds is small enough to be kept.
func SmallScenario(seed uint64) *Scenario {
	g := &generator{sc: &Scenario{Seed: seed}, rnd: rand.New(rand.NewPCG(seed, 1))}
	g.phase("small", "")
	g.alone(4)
	g.updates(4)
	g.burst(8)
	g.advance(chanER, 4, storage.Delivered)
	g.op(Op{Do: DoRotate, Class: "queue"})
	g.alone(3)
	g.op(Op{Do: DoCheckpoint})
	g.op(Op{Do: DoBlob, Blob: 700})
	g.big(1)
	g.op(Op{Do: DoCompact})
	g.burst(8)
	g.updates(3)
	g.advance(chanLab, 2, storage.Quarantined)
	g.alone(2)
	g.again()
	return g.sc
}

type generator struct {
	sc      *Scenario
	rnd     *rand.Rand
	n       int
	bursts  int
	foreign uint64
	appends []int // operations of this phase that append
}

func (g *generator) phase(name string, before Mischief) {
	at := startOfTime.Add(time.Duration(len(g.sc.Phases)) * 3 * time.Hour)
	g.sc.Phases = append(g.sc.Phases, Phase{Name: name, Before: before, At: at})
	g.appends = g.appends[:0]
}

func (g *generator) op(op Op) {
	op.N = g.n
	g.n++
	p := &g.sc.Phases[len(g.sc.Phases)-1]
	if len(op.Events) > 0 {
		g.appends = append(g.appends, len(p.Ops))
	}
	if op.Do == DoBlob {
		op.Events = []Event{g.event(chanNote, kindNote)}
	}
	p.Ops = append(p.Ops, op)
}

// id is a UUIDv7 of the scenario's own time.
func (g *generator) id() (id uuid.UUID) {
	p := g.sc.Phases[len(g.sc.Phases)-1]
	binary.BigEndian.PutUint64(id[:], uint64(p.At.UnixMilli()+int64(g.n))<<16|uint64(g.rnd.Uint32()&0xfff))
	binary.BigEndian.PutUint64(id[8:], g.rnd.Uint64())
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (g *generator) event(channel, kind string) Event {
	return Event{ID: g.id(), Channel: channel, Kind: kind, Size: 40 + g.rnd.IntN(200)}
}

func (g *generator) any() Event {
	switch g.rnd.IntN(10) {
	case 0:
		return g.event(chanNote, kindNote)
	case 1:
		return g.event(chanVitals, kindVitals)
	case 2:
		g.foreign++
		e := g.event(chanER, kindQueue)
		e.Foreign = g.foreign
		return e
	case 3, 4:
		return g.event(chanConsent, kindConsent)
	case 5, 6, 7:
		return g.event(chanLab, kindQueue)
	}
	return g.event(chanER, kindQueue)
}

// alone appends one after the other: some of one event, some of several.
func (g *generator) alone(n int) {
	for i := range n {
		op := Op{Do: DoAppend, Events: []Event{g.any()}}
		if i%3 == 2 {
			op.Events = append(op.Events, g.any(), g.any())
		}
		g.op(op)
	}
}

// burst appends from n producers at once.
func (g *generator) burst(n int) {
	g.bursts++
	for range n {
		g.op(Op{Do: DoAppend, Burst: g.bursts, Events: []Event{g.any()}})
	}
}

func (g *generator) updates(n int) {
	for i := range n {
		op := Op{Do: DoUpdate, Events: []Event{g.event(chanER, kindQueue)}, Cursor: uint64(g.n) + 1}
		op.Rows = []Row{{Key: byte(g.rnd.IntN(12))}, {Key: byte(12 + g.rnd.IntN(12))}}
		if i%4 == 3 {
			op.Rows[1].Delete = true
		}
		g.op(op)
		if i%2 == 1 {
			op.Do = DoRefuse
			op.Events = []Event{g.event(chanER, kindQueue), g.event(chanNote, kindNote)}
			op.Cursor = 1 << 40
			g.op(op)
		}
	}
}

// big appends what takes more than one page.
func (g *generator) big(n int) {
	for range n {
		e := g.event(chanLab, kindQueue)
		e.Size = 6000 + g.rnd.IntN(6000)
		g.op(Op{Do: DoAppend, Events: []Event{e}})
	}
}

func (g *generator) advance(channel string, n int, outcome storage.Outcome) {
	g.op(Op{Do: DoAdvance, Channel: channel, Count: n, Outcome: outcome})
}

func (g *generator) receipt(channel string) { g.op(Op{Do: DoReceipt, Channel: channel}) }

// again repeats an append of this phase, and tries to give an id new content.
func (g *generator) again() {
	ops := g.sc.Phases[len(g.sc.Phases)-1].Ops
	old := ops[g.appends[g.rnd.IntN(len(g.appends)/2)]]
	if old.Do != DoAppend {
		old = ops[g.appends[0]]
	}
	g.op(Op{Do: DoAppend, Events: old.Events})
	e := old.Events[0]
	e.Twist = true
	g.op(Op{Do: DoConflict, Events: []Event{e}})
}

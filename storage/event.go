package storage

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Lane is the urgency of a stream in the outbox; lower drains first.
type Lane uint8

// The lanes, most urgent first.
const (
	LaneEmergency Lane = iota
	LaneQueue
	LaneConsent
	LaneNotification
	LaneAudit
	LaneTelemetry
)

var laneNames = [...]string{"emergency", "queue", "consent", "notification", "audit", "telemetry"}

func (l Lane) String() string {
	if int(l) < len(laneNames) {
		return laneNames[l]
	}
	return fmt.Sprintf("lane %d", uint8(l))
}

// Retention says when the body of an event may go. A published event goes once
// it is delivered, is Age old and, where NeedsReceipt is set, the outside sink
// has given its receipt for it. A local or foreign event goes once it is Age
// old. Zero Age keeps it for ever.
type Retention struct {
	Age          time.Duration
	NeedsReceipt bool
}

// Kind is what the composition tells the store about one kind of event.
type Kind struct {
	Name      string // for example "queue/PATIENT_ADDED"
	KeyClass  string // class of the data key that seals it
	Lane      Lane   // a stream has the lane of its first event
	Local     bool   // kept and audited, never published
	Droppable bool   // may be dropped, oldest first, under byte pressure
	Priority  bool   // still accepted above the 90 % water mark
	Retain    Retention
}

// Event is one thing that happened.
type Event struct {
	// ID is minted by the producer and kept over retries. A UUIDv7 keeps the
	// index small; a derived id may be a v8.
	ID uuid.UUID
	// Channel is the stream's name together with the kiosk that made it. It
	// says nothing about a person.
	Channel string
	Kind    string
	// Body is the JSON of the published shape without its gw member; for a
	// foreign event the decrypted text, byte for byte.
	Body []byte
	// Origin is nil for an event of this kiosk. A foreign event is stored and
	// audited, never published, and is outside the loss equation.
	Origin *Origin
}

// Origin is where and when another kiosk, or a client without one, made the
// event. (Kiosk, Channel, Inc, Seq) is its place for good.
type Origin struct {
	Kiosk     string
	Inc       uint32
	Seq       uint64
	HLC       HLC
	Boot      uuid.UUID
	Mono      time.Duration
	Synced    bool
	Timetoken uint64
}

// HLC is a hybrid logical clock reading: 48 bits of milliseconds since the Unix
// epoch and a 16-bit counter.
type HLC uint64

// NewHLC is the first reading of the millisecond that t lies in.
func NewHLC(t time.Time) HLC {
	ms := t.UnixMilli()
	if ms < 0 {
		ms = 0
	}
	return HLC(uint64(ms) << 16)
}

// Time is the wall clock part.
func (h HLC) Time() time.Time { return time.UnixMilli(int64(h >> 16)).UTC() }

// String gives 16 hex digits, which sort as the readings do.
func (h HLC) String() string { return fmt.Sprintf("%016x", uint64(h)) }

// next is the reading for something that happens at wall, after h.
func (h HLC) next(wall time.Time) HLC {
	if n := NewHLC(wall); n > h {
		return n
	}
	return h + 1 // the counter carries into the milliseconds, which keeps the order
}

// Instant is what the clock says. Wall is already corrected by trusted time
// when Synced; Mono counts from the boot that Boot names.
type Instant struct {
	Wall   time.Time
	Boot   uuid.UUID
	Mono   time.Duration
	Synced bool
}

// Receipt says where an event is, now that it is on disk.
type Receipt struct {
	Channel   string
	Inc       uint32
	Seq       uint64
	HLC       HLC
	Duplicate bool // the id was appended before; this is that event's place
}

// Record is an event as stored.
type Record struct {
	Event
	Inc    uint32
	Seq    uint64
	Log    uint32 // the life of the store whose audit log holds it
	Pos    uint64 // its index in that log
	HLC    HLC
	Boot   uuid.UUID
	Mono   time.Duration
	Synced bool
	Prev   [32]byte // leaf hash of the record before it in the log
}

// Cursor is a position in a stream: the last record handled. Order is (Inc, Seq).
type Cursor struct {
	Inc uint32
	Seq uint64
}

// Less reports whether c lies before o.
func (c Cursor) Less(o Cursor) bool {
	return c.Inc < o.Inc || c.Inc == o.Inc && c.Seq < o.Seq
}

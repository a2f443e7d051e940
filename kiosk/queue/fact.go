package queue

import (
	"bytes"
	"cmp"
	"strings"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// FactKind is what a fact says about its entry.
type FactKind string

const (
	Added        FactKind = "added"
	Status       FactKind = "status"
	Removed      FactKind = "removed"
	Called       FactKind = "called"
	Priority     FactKind = "priority"
	Transferred  FactKind = "transferred"
	Matched      FactKind = "matched"
	Corrected    FactKind = "corrected"
	Availability FactKind = "availability" // about a provider, not an entry
)

// Fact is one event about one entry (or one provider), as far as the fold needs it. The members
// are short because facts are the stored form of an entry.
type Fact struct {
	ID   uuid.UUID `json:"i"`
	Kind FactKind  `json:"k"`
	By   string    `json:"b,omitempty"` // actor, in the form that travels

	// Where and when it was made.
	Source    string             `json:"s"` // kiosk; "@id" for an unsigned message of that provider
	Queue     kiosk.DepartmentID `json:"q"` // whose channel carried it
	Inc       uint32             `json:"n,omitempty"`
	Seq       uint64             `json:"e,omitempty"`
	HLC       storage.HLC        `json:"h"`
	Boot      uuid.UUID          `json:"o,omitzero"` // kept while it is not Synced only
	Mono      time.Duration      `json:"m,omitempty"`
	Synced    bool               `json:"y,omitempty"`
	Timetoken uint64             `json:"t,omitempty"` // smallest publish timetoken seen
	Happened  kiosk.Timestamp    `json:"w,omitzero"`  // when it happened, where it was recorded later

	// What it says, by kind.
	Entry    *kiosk.EntryShape  `json:"a,omitempty"`
	Status   kiosk.Status       `json:"u,omitempty"`
	Reason   kiosk.Removal      `json:"r,omitempty"`
	Room     string             `json:"l,omitempty"`
	Priority kiosk.Priority     `json:"p,omitempty"`
	To       kiosk.DepartmentID `json:"d,omitempty"`
	Match    *kiosk.MatchShape  `json:"c,omitempty"`
	Undoes   uuid.UUID          `json:"x,omitzero"`
	Avail    kiosk.Availability `json:"v,omitempty"`
}

// Corrections is what is known about clocks that ran before their kiosk knew
// the time.
type Corrections map[Clock]Correction

// Clock is one boot of one kiosk.
type Clock struct {
	Kiosk string
	Boot  uuid.UUID
}

// Correction gives the Unix time of a boot's beginning.
type Correction struct {
	Offset int64       // nanoseconds: Unix time less time since boot
	HLC    storage.HLC // of the correction event: the latest counts
}

// at is the reading that the fact sorts by: its own clock where that was
// trusted or has been corrected since, else the time at which PubNub first had
// it, else the untrusted clock.
func (f *Fact) at(c Corrections) storage.HLC {
	switch {
	case f.unsigned():
		return timetokenHLC(f.Timetoken)
	case f.Synced:
		return f.HLC
	}
	if k, ok := c[Clock{f.Source, f.Boot}]; ok {
		return storage.NewHLC(time.Unix(0, k.Offset+int64(f.Mono)))
	}
	if f.Timetoken > 0 {
		return timetokenHLC(f.Timetoken)
	}
	return f.HLC
}

// time is at, without the counter.
func (f *Fact) time(c Corrections) time.Time { return f.at(c).Time() }

// happened is when it happened, as far as is known.
func (f *Fact) happened(c Corrections) time.Time {
	if f.late() {
		return f.Happened.Time
	}
	return f.time(c)
}

// late reports whether staff recorded it later than it happened.
func (f *Fact) late() bool { return !f.Happened.IsZero() }

func (f *Fact) unsigned() bool { return strings.HasPrefix(f.Source, "@") }

// published is the position of an unsigned message among others of its
// publisher.
func (f *Fact) published() uint64 {
	if f.unsigned() {
		return f.Timetoken
	}
	return 0
}

// learn notes at which timetoken the fact was published, and reports whether
// that is news. Of several publications everyone takes the first, and only an
// untrusted clock needs any.
func (f *Fact) learn(timetoken uint64) bool {
	if f.Synced || timetoken == 0 || f.Timetoken != 0 && f.Timetoken <= timetoken {
		return false
	}
	f.Timetoken = timetoken
	return true
}

// timetokenHLC turns 100 ns since the Unix epoch into a clock reading. The
// counter stays 0, so that what a kiosk does after it has read the message
// sorts after it even where the kiosk's clock is behind.
func timetokenHLC(tt uint64) storage.HLC { return storage.HLC(tt / 10_000 << 16) }

// before orders facts: (clock reading, kiosk, inc, sequence). One kiosk's facts
// of one reading come from two streams only after a transfer; then its own
// clock, which never repeats, decides.
func before(a, b *Fact, c Corrections) int {
	return cmp.Or(
		cmp.Compare(a.at(c), b.at(c)),
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.HLC, b.HLC),
		cmp.Compare(a.published(), b.published()),
		cmp.Compare(a.Inc, b.Inc),
		cmp.Compare(a.Seq, b.Seq),
		bytes.Compare(a.ID[:], b.ID[:]),
	)
}

// origin fills in where a message of another kiosk, or of a provider, was made.
func (f *Fact) origin(o storage.Origin) {
	f.Source, f.Inc, f.Seq, f.HLC, f.Synced, f.Timetoken = o.Kiosk, o.Inc, o.Seq, o.HLC, o.Synced, o.Timetoken
	if !o.Synced {
		f.Boot, f.Mono = o.Boot, o.Mono
	}
}

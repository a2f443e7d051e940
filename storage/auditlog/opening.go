package auditlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxRanges bounds the unreadable ranges that an opening names; more are joined
// into the last.
const maxRanges = 256

// Range is the records From up to, but not including, To.
type Range struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// Opening is the body of record 0 of every log.
type Opening struct {
	Origin string `json:"origin"`
	// Previous is the log that this one goes on from after a salvage, a rollback
	// or the loss of the file; nil for the first log of a kiosk.
	Previous *Closed `json:"previous,omitempty"`
}

// Closed says how the log before ended.
type Closed struct {
	Origin string `json:"origin"`
	// Note is the last checkpoint of the closed log, as signed; empty if it
	// never had one. The log ends there: records past it may still be readable
	// and chained, but no signature covers them.
	Note string `json:"note,omitempty"`
	// Unreadable are the records that the salvage could not read, in order; after
	// a rollback, those that are gone with the newer file.
	Unreadable []Range `json:"unreadable,omitempty"`
	// Recovered is the number of records of the closed log carried over.
	Recovered uint64 `json:"recovered"`
	// Reason is a short constant phrase, such as "page damaged".
	Reason string `json:"reason"`
	// Earlier are records of logs before the closed one that the salvage could
	// not read.
	Earlier []Lost `json:"earlier,omitempty"`
}

// Lost are records of a log, in order, that could not be read.
type Lost struct {
	Origin     string  `json:"origin"`
	Unreadable []Range `json:"unreadable"`
}

// openingBody marks the body, so that no event can be taken for an opening.
type openingBody struct {
	Opening *Opening `json:"clinicgateAuditOpening"`
}

func (o Opening) body() ([]byte, error) {
	if o.Previous != nil {
		if err := checkOrigin(o.Previous.Origin); err != nil {
			return nil, err
		}
		if o.Previous.Origin == o.Origin {
			return nil, errors.New("a new log needs an origin of its own")
		}
		p := *o.Previous
		p.Unreadable = joinRanges(p.Unreadable)
		p.Earlier = nil
		for _, e := range o.Previous.Earlier {
			p.Earlier = append(p.Earlier, Lost{e.Origin, joinRanges(e.Unreadable)})
		}
		o.Previous = &p
	}
	b, err := json.Marshal(openingBody{&o})
	if err != nil {
		return nil, fmt.Errorf("cannot encode opening: %w", err)
	}
	return b, nil
}

// ParseOpening reads record 0 of a log.
func ParseOpening(record []byte) (Opening, error) {
	r, err := ParseRecord(record)
	if err != nil {
		return Opening{}, err
	}
	var body openingBody
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Opening == nil || r.Index != 0 || r.Prev != Genesis(body.Opening.Origin) {
		return Opening{}, ErrRecord
	}
	return *body.Opening, nil
}

// Admits checks a checkpoint of the closed log that somebody else has kept
// against the closing: one that is larger than the closing checkpoint proves
// that the log was closed earlier than it had already gone.
func (c Closed) Admits(closing, kept Checkpoint) error {
	switch {
	case kept.Origin != c.Origin || closing.Origin != c.Origin:
		return fmt.Errorf("checkpoint is of log %q, not of %q", kept.Origin, c.Origin)
	case kept.Size > closing.Size:
		return fmt.Errorf("log was closed at %d records after a checkpoint of %d", closing.Size, kept.Size)
	case kept.Size == closing.Size && kept.Root != closing.Root:
		return fmt.Errorf("two checkpoints of %d records differ", kept.Size)
	}
	return nil
}

func joinRanges(rs []Range) []Range {
	if len(rs) <= maxRanges {
		return rs
	}
	out := append([]Range(nil), rs[:maxRanges]...)
	out[maxRanges-1].To = rs[len(rs)-1].To
	return out
}

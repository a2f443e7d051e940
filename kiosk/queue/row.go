package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// The views. A row holds the facts; what they amount to is folded again at
// every start, so a better fold needs no migration.
const (
	entryView    = "queue"    // key: entry id
	providerView = "provider" // key: provider id
	clockView    = "clock"    // key: kiosk and boot
)

const (
	// maxFacts bounds what one entry remembers. A visit has about ten.
	maxFacts = 200
	// maxProviderFacts bounds what one provider remembers: the newest count.
	maxProviderFacts = 100
	// maxEntries bounds the entries of all days held at once.
	maxEntries = 10_000
	// maxCorrections bounds the boots whose clock correction is remembered.
	maxCorrections = 256
)

// row is the stored form of an entry or a provider.
type row struct {
	Form  int    `json:"f"`
	Rev   uint64 `json:"r"` // counts the writes: of two copies the higher is newer
	Key   string `json:"i"`
	Facts []Fact `json:"x"`
}

const rowForm = 1

var errRow = errors.New("queue row has an unknown form")

func (r *row) marshal() ([]byte, error) { return json.Marshal(r) }

func unmarshalRow(data []byte) (*row, error) {
	r := new(row)
	if err := json.Unmarshal(data, r); err != nil || r.Form != rowForm {
		return nil, errRow
	}
	return r, nil
}

func (r *row) clone() *row {
	c := *r
	c.Facts = slices.Clone(r.Facts)
	return &c
}

func (r *row) find(id uuid.UUID) *Fact {
	i := slices.IndexFunc(r.Facts, func(f Fact) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &r.Facts[i]
}

// staged is what one transaction changed. It is made by Update and shown to
// readers once the transaction is on disk.
type staged struct {
	tx       *storage.Tx
	entries  map[string]*row // by entry id
	provided map[string]*row // by provider id
	clocks   Corrections
	consents map[kiosk.PatientRef]kiosk.Consents
}

func (s *staged) rows(view string) map[string]*row {
	if view == providerView {
		return s.provided
	}
	return s.entries
}

// row gives a copy of a stored row to change, an empty one if there is none.
func (s *staged) row(view, key string) (*row, error) {
	if r := s.rows(view)[key]; r != nil {
		return r.clone(), nil
	}
	data, err := s.tx.Get(view, []byte(key))
	if err != nil {
		return nil, fmt.Errorf("cannot read %s row: %w", view, err)
	}
	if data == nil {
		return &row{Form: rowForm, Key: key}, nil
	}
	return unmarshalRow(data)
}

func (s *staged) put(view string, r *row) error {
	r.Rev++
	data, err := r.marshal()
	if err != nil {
		return fmt.Errorf("cannot encode %s row: %w", view, err)
	}
	if err := s.tx.Put(view, []byte(r.Key), data); err != nil {
		return fmt.Errorf("cannot write %s row: %w", view, err)
	}
	s.rows(view)[r.Key] = r
	return nil
}

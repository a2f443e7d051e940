package metrics

import (
	"slices"
	"sync/atomic"
)

// Other is the value of a label whose word is not in its set.
const Other = "other"

// Set is a label's name with every value that it may have.
type Set struct {
	name   string
	values []string
}

// NewSet lists the values of a label. They come from the program or its config,
// never from a message, a reading or a person.
func NewSet[T ~string](name string, values ...T) Set {
	s := Set{name: name}
	for _, v := range values {
		s.values = append(s.values, string(v))
	}
	if !slices.Contains(s.values, Other) {
		s.values = append(s.values, Other)
	}
	return s
}

// Of gives the label with a value of the set, or Other.
func (s Set) Of(value string) Label { return Label{s.name, s.values[s.index(value)]} }

func (s Set) index(value string) int {
	if i := slices.Index(s.values, value); i >= 0 {
		return i
	}
	return slices.Index(s.values, Other)
}

// Label is a name and a value of a Set; there is no other way to make one.
type Label struct{ name, value string }

// Counters counts by the values of a set.
type Counters struct {
	set Set
	n   []atomic.Uint64
}

// NewCounters begins at 0.
func NewCounters(s Set) *Counters { return &Counters{set: s, n: make([]atomic.Uint64, len(s.values))} }

// Add counts one.
func (c *Counters) Add(value string) { c.n[c.set.index(value)].Add(1) }

// Rows gives the counts, those of 0 too.
func (c *Counters) Rows() (rows []Row) {
	for i, v := range c.set.values {
		rows = append(rows, Row{float64(c.n[i].Load()), []Label{{c.set.name, v}}})
	}
	return rows
}

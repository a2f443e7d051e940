package metrics

import (
	"slices"
	"sync/atomic"
	"time"
)

// Histogram counts durations by size. Make it with NewHistogram; its methods may
// be called from several goroutines.
type Histogram struct {
	bounds []time.Duration // upper, included
	counts []atomic.Uint64 // one more than bounds: what is above all
	sum    atomic.Int64    // nanoseconds
}

// NewHistogram counts by upper bounds, in rising order.
func NewHistogram(bounds ...time.Duration) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i, _ := slices.BinarySearch(h.bounds, d)
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Totals gives how many durations there were, and their sum.
func (h *Histogram) Totals() (n uint64, sum time.Duration) {
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	return n, time.Duration(h.sum.Load())
}

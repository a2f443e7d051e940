//go:build bench

package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// table is what the run prints at its end.
type table struct{ rows []row }

type row struct{ what, measured, reach, met string }

// least notes a measurement that is to be at least reach; most, at most. The
// values are those of the turns: their median counts.
func (t *table) least(what, unit string, reach float64, values ...float64) {
	t.judge(what, unit, "at least ", reach, median(values) >= reach, values)
}

func (t *table) most(what, unit string, reach float64, values ...float64) {
	t.judge(what, unit, "at most ", reach, median(values) <= reach, values)
}

func (t *table) judge(what, unit, bound string, reach float64, met bool, values []float64) {
	word := "NO"
	if met {
		word = "yes"
	}
	t.rows = append(t.rows, row{what, measured(unit, values), bound + number(reach) + unit, word})
}

// note is a measurement without a target.
func (t *table) note(what, unit string, values ...float64) {
	t.rows = append(t.rows, row{what: what, measured: measured(unit, values)})
}

// part begins a group of rows.
func (t *table) part(name string) { t.rows = append(t.rows, row{what: strings.ToUpper(name)}) }

func (t *table) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tmeasured: median (range)\tto reach\tmet")
	for _, r := range t.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.what, r.measured, r.reach, r.met)
	}
	_ = w.Flush()
}

func measured(unit string, values []float64) string {
	if len(values) == 0 {
		return "no value"
	}
	s := number(median(values)) + unit
	if lo, hi := slices.Min(values), slices.Max(values); lo < hi {
		s += fmt.Sprintf(" (%s-%s)", number(lo), number(hi))
	}
	return s
}

// number shows three digits.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.2f", v), ".00")
}

func median(values []float64) float64 { return percentile(values, 0.5) }

// percentile gives the value that a share of the values does not exceed.
func percentile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(float64(len(sorted))*share), len(sorted)-1)]
}

// ratios divides pairwise.
func ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}

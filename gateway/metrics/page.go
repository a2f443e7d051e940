package metrics

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Row is one sample of a metric that has labels.
type Row struct {
	Value  float64
	Labels []Label
}

// Page is one answer to a scrape. The zero Page is empty. A name, a help text and
// the names of labels are written in the program; one that Prometheus does not
// take is a mistake in it and panics, as does a name that comes twice.
type Page struct {
	b    bytes.Buffer
	seen map[string]bool
}

// Bytes gives the text.
func (p *Page) Bytes() []byte { return p.b.Bytes() }

// Gauge writes a value that goes up and down.
func (p *Page) Gauge(name, help string, value float64) {
	p.family(name, help, "gauge", Row{Value: value})
}

// Gauges writes such values by their labels.
func (p *Page) Gauges(name, help string, rows ...Row) { p.family(name, help, "gauge", rows...) }

// Counter writes a value that only grows; its name ends in _total.
func (p *Page) Counter(name, help string, value float64) {
	p.family(name, help, "counter", Row{Value: value})
}

// Counters writes such values by their labels.
func (p *Page) Counters(name, help string, rows ...Row) { p.family(name, help, "counter", rows...) }

// Histogram writes durations in seconds; its name ends in _seconds.
func (p *Page) Histogram(name, help string, h *Histogram) {
	p.head(name, help, "histogram")
	var total uint64
	for i := range h.counts {
		total += h.counts[i].Load()
		bound := math.Inf(1)
		if i < len(h.bounds) {
			bound = h.bounds[i].Seconds()
		}
		p.sample(name+"_bucket", Row{float64(total), []Label{{"le", number(bound)}}})
	}
	p.sample(name+"_sum", Row{Value: float64(h.sum.Load()) / 1e9})
	p.sample(name+"_count", Row{Value: float64(total)})
}

func (p *Page) family(name, help, kind string, rows ...Row) {
	p.head(name, help, kind)
	for _, r := range rows {
		p.sample(name, r)
	}
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func (p *Page) head(name, help, kind string) {
	if !nameForm.MatchString(name) || help == "" || p.seen[name] || kind == "counter" != strings.HasSuffix(name, "_total") {
		panic("metric " + name + " has a wrong name, no help, or is there twice")
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[name] = true
	p.b.WriteString("# HELP " + name + " " + strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(help) + "\n# TYPE " + name + " " + kind + "\n")
}

var labelEscape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (p *Page) sample(name string, r Row) {
	p.b.WriteString(name)
	for i, l := range r.Labels {
		p.b.WriteByte("{,"[min(i, 1)])
		p.b.WriteString(l.name + `="` + labelEscape.Replace(l.value) + `"`)
	}
	if len(r.Labels) > 0 {
		p.b.WriteByte('}')
	}
	p.b.WriteString(" " + number(r.Value) + "\n")
}

// number writes a value as Go's ParseFloat reads it; the format knows +Inf, -Inf
// and NaN.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

package metrics

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/doctor"
)

// The text is that of the format's description: escapes, cumulative buckets, +Inf.
func TestText(t *testing.T) {
	odd := NewSet("path", `C:\DIR`+"\n"+`"x"`)
	h := NewHistogram(time.Millisecond, 10*time.Millisecond)
	for _, d := range []time.Duration{time.Millisecond, 2 * time.Millisecond, time.Second, 0} {
		h.Observe(d)
	}
	var p Page
	p.Counters("a_total", "back\\slash\nline", Row{3, []Label{odd.Of(`C:\DIR` + "\n" + `"x"`), NewSet("b", "y").Of("y")}})
	p.Gauge("b_bytes", "bytes", 1.5e10)
	p.Histogram("c_seconds", "time", h)
	const want = `# HELP a_total back\\slash\nline
# TYPE a_total counter
a_total{path="C:\\DIR\n\"x\"",b="y"} 3
# HELP b_bytes bytes
# TYPE b_bytes gauge
b_bytes 1.5e+10
# HELP c_seconds time
# TYPE c_seconds histogram
c_seconds_bucket{le="0.001"} 2
c_seconds_bucket{le="0.01"} 3
c_seconds_bucket{le="+Inf"} 4
c_seconds_sum 1.003
c_seconds_count 4
`
	if got := string(p.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A word that was not listed is "other", whatever it is.
func TestLabelsAreClosed(t *testing.T) {
	outcomes := NewCounters(NewSet("outcome", "ok", "early"))
	outcomes.Add("ok")
	outcomes.Add("Maria Canary 1980-02-03")
	var p Page
	p.Counters("x_total", "x", outcomes.Rows()...)
	if got := string(p.Bytes()); strings.Contains(got, "Canary") || !strings.Contains(got, `x_total{outcome="other"} 1`) || !strings.Contains(got, `x_total{outcome="early"} 0`) {
		t.Error(got)
	}
}

func TestMistakesPanic(t *testing.T) {
	for name, f := range map[string]func(*Page){
		"no help":        func(p *Page) { p.Gauge("a", "", 1) },
		"twice":          func(p *Page) { p.Gauge("a", "x", 1); p.Gauge("a", "x", 1) },
		"counter's name": func(p *Page) { p.Counter("a", "x", 1) },
		"gauge's name":   func(p *Page) { p.Gauge("a_total", "x", 1) },
		"form":           func(p *Page) { p.Gauge("a-b", "x", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("it was written")
				}
			}()
			f(&Page{})
		})
	}
}

func TestServer(t *testing.T) {
	state := doctor.Warn
	s, err := Listen("127.0.0.1:0", func(_ context.Context, p *Page) { p.Gauge("up", "x", 1) }, func(context.Context) []doctor.Report {
		return []doctor.Report{{ID: "clock-trust", State: state, Detail: "a word too much", Hint: "another"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	get := func(method, path, host string) (int, string, http.Header) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, nil)
		if host != "" {
			r.Host = host
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), resp.Header
	}
	if status, body, head := get("GET", "/metrics", "localhost:9"); status != 200 || !strings.HasSuffix(body, "up 1\n") || head.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("metrics: %d %q %v", status, body, head)
	}
	if status, body, _ := get("GET", "/health", ""); status != 200 || !strings.Contains(body, `"state": "warn"`) || strings.Contains(body, "word") || !json.Valid([]byte(body)) {
		t.Errorf("health: %d %s", status, body)
	}
	state = doctor.Fail
	if status, _, _ := get("GET", "/health", ""); status != 503 {
		t.Errorf("health of what fails: %d", status)
	}
	if status, _, _ := get("GET", "/health/live", ""); status != 200 {
		t.Errorf("live: %d", status)
	}
	for _, c := range []struct {
		method, path, host string
		want               int
	}{{"GET", "/metrics", "evil.example", 421}, {"POST", "/metrics", "", 405}, {"GET", "/x", "", 404}} {
		if status, _, _ := get(c.method, c.path, c.host); status != c.want {
			t.Errorf("%s %s at %q: %d", c.method, c.path, c.host, status)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := Listen("0.0.0.0:0", nil, nil); err == nil {
		t.Error("it listens to the network")
	}
	if !ownName("[::1]:5") || ownName("127.0.0.1.evil.example") {
		t.Error("names of this machine")
	}
}

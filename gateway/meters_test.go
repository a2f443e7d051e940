package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clinicgate/gateway/config"
	"clinicgate/gateway/metrics"
)

func withMetrics(c *config.Config) { c.Metrics.Listen = "127.0.0.1:0" }

// scrape asks the service at a path of its metrics' listener.
func (c *clinic) scrape(path string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, "http://"+c.at.Metrics+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// What the alert rules ask for is there, each alert says what to do, and the page of
// the operator names every metric.
func TestMetricsAndTheirRules(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	c := newClinic(t, withMetrics, func(c *config.Config) { c.PubNub.TokenFile = token })
	c.admit("APT-1")
	status, text := c.scrape("/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	exposed := map[string]bool{"up": true} // Prometheus' own
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(text, -1) {
		exposed[m[1]] = true
	}
	rules, err := os.ReadFile("../packaging/prometheus/clinicgate.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../packaging/operator/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`clinicgate_[a-z_]+`).FindAllString(string(rules), -1)
	if len(named) < 15 {
		t.Errorf("%d metrics in the rules", len(named))
	}
	for _, name := range named {
		if !exposed[name] && !exposed[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("the rules ask for %s, which there is not", name)
		}
	}
	alerts := regexp.MustCompile(`(?m)- alert: (\S+)`).FindAllStringSubmatch(string(rules), -1)
	for _, a := range alerts {
		if !strings.Contains(string(rules), "observability.md#"+strings.ToLower(a[1])+`"`) || !strings.Contains(string(page), "\n### "+a[1]+"\n") {
			t.Errorf("%s has no page", a[1])
		}
	}
	for name := range exposed {
		if short := strings.TrimPrefix(name, "clinicgate_store"); name != "up" && !strings.Contains(string(page), "`"+name) && !strings.Contains(string(page), "`"+short+"`") {
			t.Errorf("the operator's page does not name %s", name)
		}
	}
	for _, want := range []string{`clinicgate_events_total{fate="accepted"} `, `clinicgate_roster_appointments 1`, `clinicgate_append_seconds_count `, `clinicgate_token_left_seconds 0`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// Health answers from doctor's checks: a key beside the data is a failure.
func TestHealth(t *testing.T) {
	c := newClinic(t, withMetrics)
	status, text := c.scrape("/health")
	var h metrics.Health
	if err := json.Unmarshal([]byte(text), &h); err != nil || status != http.StatusServiceUnavailable || len(h.Checks) < 10 {
		t.Errorf("%d %s, %v", status, text, err)
	}
	if status, _ := c.scrape("/health/live"); status != http.StatusOK {
		t.Errorf("live: %d", status)
	}
}

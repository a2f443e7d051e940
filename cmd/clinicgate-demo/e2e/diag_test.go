//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk/web/webtest/chromium"
)

// asked is what a subcommand gives with --json.
func asked[Out any](d *demo, args ...string) (out Out) {
	d.t.Helper()
	text, err := d.clinicgate(append(args, "--json")...)
	var answer struct{ Data Out }
	if err == nil {
		err = json.Unmarshal([]byte(text), &answer)
	}
	if err != nil {
		d.t.Fatalf("%v: %v: %s", args, err, text)
	}
	return answer.Data
}

// listened is how often what a device reads was sent to its test: the page asks anew
// after each reading, and every ten seconds.
func (d *demo) listened(device string) int {
	d.t.Helper()
	lines, err := d.clinicgate("log", "tail", "-n", "500", "--component", "gateway")
	if err != nil {
		d.t.Fatalf("%v: %s", err, lines)
	}
	return strings.Count(lines, "what a device reads goes to its test device="+device)
}

// TestE2EDiagDevices is a technician at the page who tests every device of the demo's
// kiosk, each on its real transport: what reads is read twice, what does something does
// it twice, and the page, the list and the audit log say that they passed. Nobody is
// called to help meanwhile, and no patient is checked in.
func TestE2EDiagDevices(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	eventually(t, time.Minute, "every device is attached", func() bool {
		states := d.devices()
		for _, s := range states {
			if s != "attached" {
				return false
			}
		}
		return len(states) == 7
	})
	if out, err := d.clinicgate("log", "level", "gateway", "debug"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b := chromium.Open(t, 1080, 1920)
	b.Open(d.ready.Kiosk)
	b.Screen("attract")
	// In the page: five touches may take 4 s, and the way to a browser takes time as well.
	chromium.Evaluate[bool](b, `(() => {
		const { x, y, width, height } = document.querySelector(".clinic img").getBoundingClientRect();
		const init = { bubbles: true, cancelable: true, clientX: x + width / 2, clientY: y + height / 2 };
		const mark = document.elementFromPoint(init.clientX, init.clientY);
		for (let n = 0; n < 5; n++) for (const what of ["pointerdown", "pointerup", "click"]) mark.dispatchEvent(new PointerEvent(what, init));
		return true;
	})()`)
	b.Until("the pad", `document.querySelector(".pad") !== null && document.querySelector("#typed").textContent !== ""`)
	for _, c := range strings.ReplaceAll(asked[control.DiagOpened](d, "diag", "open").Code, " ", "") {
		b.Tap(`[data-key="` + string(c) + `"]`)
	}
	b.Tap("#go")
	b.Until("the devices", `document.querySelectorAll("[data-device]").length === 7`)

	said := func(what string) {
		t.Helper()
		b.Until(what, fmt.Sprintf(`document.querySelector("#trial-said").textContent.startsWith(%q)`, what))
	}
	for _, x := range []struct {
		device string
		reads  func() // what a person puts before it; nil: it does something
	}{
		{"front-scanner", func() {
			if err := os.WriteFile(d.ready.Scanner, []byte(control.TestCode+"\r"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"card-reader", func() { d.act("device", `{"device":"card"}`) }},
		{"door-button", func() { d.act("device", `{"device":"button"}`) }},
		{"front-sensor", func() { d.act("device", `{"device":"presence","state":"comes"}`) }},
		{"desk-lamp", nil},
		{"desk-sounder", nil},
		{"ticket-printer", nil},
	} {
		before := 0
		if x.reads != nil {
			before = d.listened(x.device)
		}
		b.Tap(fmt.Sprintf(`[data-device=%q]`, x.device))
		b.Until("the test of "+x.device, fmt.Sprintf(`!document.querySelector("#trial").hidden && document.querySelector("#trial-title").textContent.includes(%q)`, x.device))
		for n := 1; n <= 2; n++ {
			if x.reads != nil {
				// It was asked for since the reading before: what comes sooner is a patient's.
				eventually(t, time.Minute, x.device+" is listened to", func() bool { return d.listened(x.device) > before })
				before = d.listened(x.device)
				x.reads()
			} else if n > 1 {
				b.Tap("#trial-again")
			}
			said(fmt.Sprintf("%d of %d good", n, n))
		}
		b.Tap("#trial-good")
		b.Until("the verdict on "+x.device, `document.querySelector("#trial").hidden`)
	}
	b.Until("the page says that all passed", `[...document.querySelectorAll("#devices li")].filter((li) => li.textContent.includes("passed a test at")).length === 7`)
	b.Shoot("diag-devices-passed")

	if s := d.room(); s.Tickets != 2 || !strings.Contains(s.Ticket, "A-000") {
		t.Errorf("the printer has %+v", s)
	}
	list := asked[control.Devices](d, "devices", "list")
	for _, v := range list.Devices {
		if !v.Passed || v.Tested.IsZero() {
			t.Errorf("the list has %s as not passed", v.ID)
		}
	}
	if n := len(asked[control.AuditEvents](d, "audit", "list", "--type", "DEVICE_TESTED", "--limit", "20").Events); n != 7 {
		t.Errorf("the audit log has %d tests, want 7", n)
	}
	if text, err := d.clinicgate("queue", "alarms"); err != nil || strings.Contains(text, "door-button") {
		t.Errorf("the button called for help: %v %s", err, text)
	}
	b.Tap("#leave")
	b.Screen("attract")
}

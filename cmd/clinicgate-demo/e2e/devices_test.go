//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web/webtest/chromium"
)

// devices gives the state of each device, as a technician's list has it.
func (d *demo) devices() map[string]string {
	d.t.Helper()
	out, err := exec.Command(program("clinicgate"), "devices", "list", "--json", "--config", d.ready.Config).Output()
	if err != nil {
		d.t.Fatalf("devices list: %v", err)
	}
	var list struct {
		Data struct {
			Devices []struct{ ID, State string }
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		d.t.Fatal(err)
	}
	states := map[string]string{}
	for _, v := range list.Data.Devices {
		states[v.ID] = v.State
	}
	return states
}

// entered fills in a birth date as the page asks for it: month by name, then digits.
func (v *visit) entered(born string) {
	v.d.t.Helper()
	day, err := time.Parse(time.DateOnly, born)
	if err != nil {
		v.d.t.Fatal(err)
	}
	keys := []string{fmt.Sprint(int(day.Month()))}
	for _, c := range day.Format("022006") {
		keys = append(keys, string(c))
	}
	time.Sleep(400 * time.Millisecond) // a touch right after a new screen does nothing
	for _, k := range keys {
		v.b.Tap(fmt.Sprintf(`[data-put=%q]`, k))
	}
	v.b.Tap("[data-go]")
}

// TestE2EDevices uses what is attached to the demo's kiosk by its panel: each device
// is on the real transport. A card finds its holder who also gives the birth date, a
// licence checks in, the printer's ticket is promised only when it came out, the help
// button rings lamp and sounder until a person answers, and what is unplugged is
// noticed and comes back.
func TestE2EDevices(t *testing.T) {
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
	v := &visit{d: d, b: chromium.Open(t, 1080, 1920)}
	b := v.b
	b.Open(d.ready.Kiosk)
	b.Screen("attract")

	d.act("device", `{"device":"presence","state":"comes"}`)
	b.Until("the page sees who comes", `document.body.hasAttribute("data-present")`)
	d.act("device", `{"device":"presence","state":"leaves"}`)
	b.Until("and who leaves", `!document.body.hasAttribute("data-present")`)

	said := d.act("device", `{"device":"card"}`)
	born := regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}`).FindString(said)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.Screen("needs")
	b.Tap(`[data-act="ready"]`)
	b.Screen("birth")
	v.entered(born)
	v.take("Please take your ticket")
	if s := d.room(); s.Tickets != 1 || !strings.Contains(s.Ticket, "A-0") {
		t.Errorf("after the first check-in the printer has %+v", s)
	}

	d.act("device", `{"device":"printer","state":"paper-out"}`)
	eventually(t, 10*time.Second, "the printer is lost", func() bool { return d.devices()["ticket-printer"] == "lost" })
	d.act("device", `{"device":"licence"}`)
	b.Screen("language")
	b.Tap(`[data-language="en"]`)
	b.Screen("needs")
	b.Tap(`[data-act="ready"]`)
	v.take("Remember your number")
	d.act("device", `{"device":"printer","state":"well"}`)

	d.act("device", `{"device":"scanner","state":"unplugged"}`)
	eventually(t, 10*time.Second, "the scanner is lost", func() bool { return d.devices()["front-scanner"] == "lost" })
	d.act("device", `{"device":"scanner","state":"plugged"}`)
	eventually(t, 10*time.Second, "scanner and printer are back", func() bool {
		s := d.devices()
		return s["front-scanner"] == "attached" && s["ticket-printer"] == "attached"
	})

	d.act("device", `{"device":"button"}`)
	eventually(t, 10*time.Second, "lamp and sounder tell of it", func() bool { s := d.room(); return s.Lamp == "fast-blink" && s.Sounder == "alarm" })
	out, err := exec.Command(program("clinicgate"), "queue", "alarms", "--json", "--config", d.ready.Config).Output()
	id := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).FindString(string(out))
	if err != nil || id == "" {
		t.Fatalf("no alarm: %v %s", err, out)
	}
	if out, err := exec.Command(program("clinicgate"), "queue", "acknowledge", id, "--config", d.ready.Config).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, 10*time.Second, "lamp and sounder are quiet", func() bool { s := d.room(); return s.Lamp != "fast-blink" && s.Sounder == "off" })
	b.Spotless([]string{strings.TrimPrefix(d.ready.Panel, "http://"), chromium.Evaluate[string](b, `location.host`)}, []string{born})
}

// take goes on to the number, where the page says what it must.
func (v *visit) take(says string) {
	v.d.t.Helper()
	b := v.b
	b.Screen("confirm")
	time.Sleep(400 * time.Millisecond)
	b.Tap(`[data-act="confirm"]`)
	b.Screen("consent")
	for range 4 {
		before := chromium.Evaluate[string](b, `document.querySelector("main h1").textContent`)
		time.Sleep(400 * time.Millisecond)
		b.Tap(`[data-granted="true"]`)
		b.Until("the next step", fmt.Sprintf(`document.body.dataset.state === "done" ||
			document.body.dataset.state === "consent" && document.querySelector("main h1").textContent !== %q`, before))
		if chromium.Evaluate[string](b, `document.body.dataset.state`) != "consent" {
			break
		}
	}
	b.Screen("done")
	b.Until(says, fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, says))
	b.Shoot("devices-" + strings.ToLower(strings.Fields(says)[0]))
	b.Tap(`[data-act="leave"]`)
	b.Screen("attract")
}

// room is what a person in the demo's room sees and hears.
func (d *demo) room() (s struct {
	Lamp, Sounder, Ticket string
	Tickets               int
}) {
	d.t.Helper()
	var all struct {
		Devices json.RawMessage `json:"devices"`
	}
	d.fetch(d.ready.Panel+"/state", &all)
	if err := json.Unmarshal(all.Devices, &s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

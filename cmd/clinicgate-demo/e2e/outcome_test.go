//go:build e2e

package e2e_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/kiosk/web/webtest/chromium"
)

// TestE2EOutcomes meets every outcome of a check-in at the real gateway in a real
// browser, with internet and without: what the page says, that it ends at a number
// or at a person, and the audit event.
func TestE2EOutcomes(t *testing.T) {
	for _, link := range []string{"online", "offline"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			meetOutcomes(t, link == "offline")
		})
	}
}

// patron stands at a kiosk's page with a letter of an appointment.
type patron struct {
	*chromium.Tab
	k     *kiosk
	codes map[string]patientCode
}

// meetOutcomes goes through all of them at one kiosk.
func meetOutcomes(t *testing.T, offline bool) {
	k := startKiosk(t, false, `
[checkin]
early = "1h"
late = "30m"
[[department]]
id = "imaging"
name = { en = "Imaging" }
where = { en = "Area B" }
`)
	file := k.outcomeRoster("")
	k.must("", "roster", "import", file)
	p := patron{Tab: chromium.Open(t, 1080, 1920), k: k, codes: k.codesOf(file)}
	k.must("", "roster", "import", k.outcomeRoster("cancelled"))
	p.Open(strings.TrimSpace(k.must("", "launch")))
	p.Screen("attract")
	eventually(t, time.Minute, "the kiosk knows the time from PubNub and has sent all", func() bool { return k.queued() == 0 })
	k.cable.set(offline)

	for _, o := range []struct{ code, title, audit string }{
		{"early", "You are early", "scan early"},
		{"late", "Your appointment time has passed", "scan late"},
		{"tomorrow", "This appointment is on another day", "scan wrong-day"},
		{"imaging", "Your appointment is in another department", "scan wrong-department"},
		{"by-phone", "This appointment is not at this clinic today", "scan not-in-person"},
		{"cancelled", "This appointment was cancelled", "scan cancelled"},
	} {
		p.scan(o.code)
		p.says("refused", o.title)
		p.audited("PATIENT_IDENTIFICATION_REFUSED", o.audit)
		p.helped()
		p.leave()
	}

	p.scan("on-time")
	ticket := p.checkIn("", true)
	p.audited("PATIENT_IDENTIFIED", "scan checked-in")
	p.audited("PATIENT_CONSENT_GIVEN", "")
	for _, standing := range []struct {
		act   []string
		title string
	}{
		{nil, "You are already checked in"},
		{[]string{"queue", "call", ticket}, "It is your turn"},
		{[]string{"queue", "status", ticket, "in-consultation"}, "Your visit has begun"},
		{[]string{"queue", "status", ticket, "completed"}, "Your visit is finished"},
	} {
		if standing.act != nil {
			k.must("", standing.act...)
		}
		p.scan("on-time")
		p.says("already", standing.title)
		p.helped()
		p.leave()
	}

	p.scan("a-little-late")
	p.says("confirm", "")
	if said := p.Text(); !strings.Contains(said, "You are later than your appointment") {
		t.Errorf("somebody ten minutes late reads %s", said)
	}
	missed := p.checkIn("confirm", true)
	k.must("", "queue", "call", missed)
	k.must("", "queue", "status", missed, "no-show")
	p.scan("a-little-late")
	p.says("already", "We called your number")
	p.leave()

	p.scan("leaves")
	p.checkIn("", true)
	p.scan("leaves")
	p.says("already", "You are already checked in")
	p.Tap(`[data-act="depart"]`)
	p.says("already", "You have left the queue")
	time.Sleep(400 * time.Millisecond) // the screen was of that state before: a touch counts only now
	p.leave()

	p.scan("declines")
	if number := p.checkIn("", false); number == "" {
		t.Error("whoever declines has no number")
	}
	p.audited("PATIENT_CONSENT_DECLINED", "")

	// Whoever goes away in the middle is seen by the desk, with a place in the queue.
	p.scan("goes-away")
	p.says("confirm", "")
	p.Tap(`[data-act="confirm"]`)
	p.Screen("consent")
	p.leave()
	eventually(t, 30*time.Second, "an unfinished check-in on the desk's list", func() bool {
		return strings.Contains(k.must("", "queue", "list", "--json"), `"checked-in"`)
	})

	// By name: nobody is named who was not named first.
	p.byName("Nobodyhere", "Ned")
	p.says("refused", "We could not find you")
	p.audited("PATIENT_IDENTIFICATION_REFUSED", "name not-found")
	p.leave()
	p.byName("Namesake", "Nora")
	p.says("time", "When is your appointment?")
	p.Tap(`[data-act="unknown"]`)
	p.says("phone", "The last two digits of your phone number")
	p.Tap(`[data-act="unknown"]`)
	p.says("refused", "Please go to the desk")
	p.audited("PATIENT_IDENTIFICATION_REFUSED", "name alike")
	p.leave()

	// A wrong code may be tried again, and not for ever.
	p.start()
	for n := range 5 {
		p.typeCode("WRNGCDE" + string(rune('2'+n)))
		p.says("refused", "We could not find that code")
		p.Tap(`[data-act="again"]`)
		p.Screen("identify")
	}
	p.typeCode("WRNGCDE9")
	p.says("refused", "Please go to the desk")
	p.audited("PATIENT_IDENTIFICATION_REFUSED", "typed locked")
	p.helped()
	p.leave()

	// Nobody can check in alone while the clinic is closed.
	text, err := os.ReadFile(k.config)
	if err != nil {
		t.Fatal(err)
	}
	k.write(k.config, strings.Replace(string(text), "[checkin]\n", "[checkin]\nhours = [\"mon-sun 02:00-02:10\"]\n", 1))
	k.cable.set(false)
	if err := k.process.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the gateway is gone", func() bool { return !k.answers() })
	k.start()
	eventually(t, time.Minute, "everything is with PubNub", func() bool { return k.queued() == 0 })
	k.cable.set(offline)
	p.Open(strings.TrimSpace(k.must("", "launch")))
	p.Screen("attract")
	p.scan("after-hours")
	p.says("refused", "Check-in is closed now")
	p.audited("PATIENT_IDENTIFICATION_REFUSED", "scan closed")
}

// outcomeRoster writes appointments of today and tomorrow, each for its own
// outcome; one of them has the status given.
func (k *kiosk) outcomeRoster(status string) string {
	k.t.Helper()
	var table strings.Builder
	w := csv.NewWriter(&table)
	_ = w.Write([]string{"appointment_id", "patient_id", "family_name", "given_name", "birth_date", "department", "provider", "start", "mode", "status", "language"})
	row := func(id, family, given string, in time.Duration, department, mode, status string) {
		_ = w.Write([]string{id, "MRN-" + id, family, given, "1957-02-07", department, "", time.Now().Add(in).Format(time.RFC3339), mode, status, "en"})
	}
	row("on-time", "Fakeman", "Wilma", 10*time.Minute, "cardiology", "in-person", "")
	row("a-little-late", "Latecomer", "Lars", -10*time.Minute, "cardiology", "in-person", "")
	row("leaves", "Leaver", "Leo", 20*time.Minute, "cardiology", "in-person", "")
	row("declines", "Decliner", "Dora", 20*time.Minute, "cardiology", "in-person", "")
	row("goes-away", "Unfinished", "Uma", 20*time.Minute, "cardiology", "in-person", "")
	row("early", "Earlybird", "Eve", 3*time.Hour, "cardiology", "in-person", "")
	row("late", "Tardy", "Tom", -time.Hour, "cardiology", "in-person", "")
	row("imaging", "Elsewhere", "Ella", 10*time.Minute, "imaging", "in-person", "")
	row("by-phone", "Caller", "Carl", 10*time.Minute, "cardiology", "elsewhere", "")
	row("cancelled", "Goner", "Gus", 10*time.Minute, "cardiology", "in-person", status)
	row("after-hours", "Nightowl", "Nina", 20*time.Minute, "cardiology", "in-person", "")
	row("namesake-1", "Namesake", "Nora", 10*time.Minute, "cardiology", "in-person", "")
	row("namesake-2", "Namesake", "Nora", 30*time.Minute, "cardiology", "in-person", "")
	row("tomorrow", "Morrow", "Mo", 24*time.Hour, "cardiology", "in-person", "")
	w.Flush()
	return k.write(filepath.Join(k.input, "roster.csv"), table.String())
}

// scan holds a letter under the scanner and goes on in English.
func (p patron) scan(appointment string) {
	p.k.t.Helper()
	p.k.scan(p.codes[appointment].qr + "\r")
	p.Screen("language")
	p.Tap(`[data-language="en"]`)
	p.Screen("needs")
	p.Tap(`[data-act="ready"]`)
}

// start goes to the question for a code.
func (p patron) start() {
	p.k.t.Helper()
	p.Tap(`[data-act="start"]`)
	p.Screen("language")
	p.Tap(`[data-language="en"]`)
	p.Screen("needs")
	p.Tap(`[data-act="ready"]`)
	p.Screen("identify")
}

func (p patron) typeCode(code string) {
	p.k.t.Helper()
	for _, c := range code {
		p.Tap(`[data-key="` + string(c) + `"]`)
	}
	p.Tap("#code-go")
}

// byName looks for somebody born on 7 February 1957.
func (p patron) byName(family, given string) {
	p.k.t.Helper()
	put := func(keys ...string) {
		for _, key := range keys {
			p.Tap(`[data-put="` + key + `"]`)
		}
	}
	p.start()
	p.Tap(`[data-act="no-code"]`)
	p.Screen("birth")
	for _, f := range []struct {
		field string
		keys  []string
	}{{"day", []string{"7"}}, {"month", []string{"2"}}, {"year", []string{"1", "9", "5", "7"}}} {
		p.Tap(`[data-field="` + f.field + `"]`)
		put(f.keys...)
	}
	p.Tap("[data-go]")
	p.Screen("name")
	put(strings.Split(strings.ToUpper(family), "")...)
	p.Tap(`[data-field="given"]`)
	put(strings.Split(strings.ToUpper(given), "")...)
	p.Tap("[data-go]")
}

// checkIn confirms and answers every form, and gives the number. Where the page
// is on its first screen after the scan, it may be said.
func (p patron) checkIn(at string, granted bool) string {
	p.k.t.Helper()
	if at == "" {
		p.says("confirm", "")
	}
	p.Tap(`[data-act="confirm"]`)
	p.Screen("consent")
	for range 6 {
		title := chromium.Evaluate[string](p.Tab, `document.querySelector("main h1").textContent`)
		p.Tap(fmt.Sprintf(`[data-granted="%t"]`, granted))
		p.Until("the next step", fmt.Sprintf(`document.body.dataset.state !== "consent" || document.querySelector("main h1").textContent !== %q`, title))
		if chromium.Evaluate[string](p.Tab, `document.body.dataset.state`) != "consent" {
			break
		}
		p.Screen("consent")
	}
	p.Screen("done")
	ticket := strings.TrimSpace(chromium.Evaluate[string](p.Tab, `document.querySelector(".tile-number").textContent`))
	p.leave()
	return ticket
}

// says waits for a screen and its heading.
func (p patron) says(state, title string) {
	p.k.t.Helper()
	p.Screen(state)
	if title != "" {
		p.Until(title, fmt.Sprintf(`document.querySelector("main h1").textContent === %q`, title))
	}
}

// helped is true of every end that is not a number: a person can be asked for.
func (p patron) helped() {
	p.k.t.Helper()
	if !chromium.Evaluate[bool](p.Tab, `document.getElementById("help-open").checkVisibility()`) {
		p.k.t.Errorf("nobody can be asked for help at: %s", p.Text())
	}
}

// leave ends a visit at the page.
func (p patron) leave() {
	p.k.t.Helper()
	chromium.Evaluate[bool](p.Tab, `(([...document.querySelectorAll('main [data-act="leave"], #leave')].find((x) => x.checkVisibility())).click(), true)`)
	p.Screen("attract")
}

// audited finds the newest audit event of a type, and that it is about this act.
func (p patron) audited(kind, action string) {
	p.k.t.Helper()
	if out := p.k.must("", "audit", "list", "--type", kind, "--limit", "1", "--json"); !strings.Contains(out, kind) || !strings.Contains(out, action) {
		p.k.t.Errorf("the newest %s is not about %q: %s", kind, action, out)
	}
}

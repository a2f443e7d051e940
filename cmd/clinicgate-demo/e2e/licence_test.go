//go:build e2e

package e2e_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"clinicgate/devices/aamva/aamvatest"
	"clinicgate/kiosk/web/webtest/chromium"
)

// licenceOf makes the licence of somebody of outcomeRoster, with an address and
// numbers that nobody may keep.
func licenceOf(family, given string) aamvatest.Licence {
	l := aamvatest.Marlow(9)
	l.Family, l.First, l.Middle, l.Birth = strings.ToUpper(family), strings.ToUpper(given), "Q", "1957-02-07"
	l.Number, l.Discriminator, l.Street = "CANARYNUMBER", "CANARYDISCRIMINATOR", "1 CANARYSTREET"
	return l
}

// TestE2ELicence checks in by a driving licence at the real gateway in a real
// browser, with internet and without.
func TestE2ELicence(t *testing.T) {
	for _, link := range []string{"online", "offline"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			meetLicences(t, link == "offline")
		})
	}
}

func meetLicences(t *testing.T, offline bool) {
	k := startKiosk(t, false, `
licences = true
[checkin]
early = "1h"
late = "30m"
[[department]]
id = "imaging"
name = { en = "Imaging" }
where = { en = "Area B" }
`)
	k.must("", "roster", "import", k.outcomeRoster(""))
	p := patron{Tab: chromium.Open(t, 1080, 1920), k: k}
	p.Open(strings.TrimSpace(k.must("", "launch")))
	p.Screen("attract")
	eventually(t, time.Minute, "the kiosk has sent all", func() bool { return k.queued() == 0 })
	k.cable.set(offline)

	// The page says that a licence would do, and it does.
	p.start()
	if said := p.Text(); !strings.Contains(said, "Or scan the back of your driver’s license.") {
		t.Errorf("where a code is asked for it says %s", said)
	}
	p.Shoot("70-licence")
	k.scan(string(licenceOf("Fakeman", "Wilma").Bytes()) + "\r")
	p.says("confirm", "Is this your appointment?")
	if said := p.Text(); !strings.Contains(said, "W… F…") || strings.Contains(strings.ToUpper(said), "FAKEMAN") {
		t.Errorf("of whom it found it says %s", said)
	}
	p.audited("PATIENT_IDENTIFIED", "licence checked-in")

	// Another one's, meanwhile: are you together? Nothing of either is shown.
	k.scan(string(licenceOf("Leaver", "Leo").Bytes()) + "\r")
	p.says("together", "Are you together?")
	if said := p.Text(); strings.Contains(said, "W…") || strings.Contains(said, "L…") {
		t.Errorf("the question shows %s", said)
	}
	p.Tap(`[data-act="together"]`)
	p.Screen("confirm")
	p.Tap(`[data-act="confirm"]`)
	p.Screen("consent")
	p.Tap("#leave")
	p.Screen("attract")

	// On the start screen, by one whose scanner is a keyboard that spells controls out.
	spelled := aamvatest.Keyboards()[8]
	if spelled.Name != "RS is 6 and CR is M" {
		t.Fatalf("the damage is %q", spelled.Name)
	}
	k.scan(string(spelled.Do(licenceOf("Decliner", "Dora").Bytes())))
	p.Screen("language")
	p.Tap(`[data-language="es"]`)
	p.Screen("needs")
	p.Tap(`[data-act="ready"]`)
	if number := p.checkIn("", true); !ticketForm.MatchString(number) {
		t.Errorf("the number is %q", number)
	}

	// Two of one name, a stranger, a damaged one, and a card that is none: each has a
	// next step.
	for _, c := range []struct{ scan, state, title, audit string }{
		{string(licenceOf("Namesake", "Nora").Bytes()), "time", "When is your appointment?", ""},
		{string(licenceOf("Nobodyhere", "Ned").Bytes()), "refused", "We could not find you", "licence not-found"},
		{string(licenceOf("Tardy", "Tom").Bytes()[:200]), "refused", "We could not read that code", "driving-licence unreadable"},
		{"shc:/56762909524320603460292437404460", "refused", "We cannot use that card here", "smart-health-card other-card"},
		{"4111111111111111", "refused", "We cannot use that card here", "payment-card other-card"},
	} {
		p.start()
		k.scan(c.scan + "\r")
		p.says(c.state, c.title)
		p.helped()
		if c.audit != "" {
			p.audited("PATIENT_IDENTIFICATION_REFUSED", c.audit)
			p.Tap(`[data-act="no-code"]`)
			p.says("birth", "When were you born?")
		}
		p.leave()
	}

	page, err := url.Parse(chromium.Evaluate[string](p.Tab, `location.href`))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{"CANARY", "FAKEMAN", "NOBODYHERE", "19570207", "02071957"}
	p.Spotless([]string{page.Host}, secrets)
	for _, s := range secrets {
		if strings.Contains(k.log.tail(1_000_000), s) {
			t.Errorf("the log has %q", s)
		}
	}
}

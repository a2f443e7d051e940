package gateway_test

import (
	"context"
	"crypto/ed25519"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/webtest"
)

// TestACardIsALookUpAndNoProof: a card alone shows nothing of anybody, with the
// wrong date of birth neither, and with the right one its holder is checked in. A
// tag with a code is a scanned code. The number of the card is nowhere.
func TestACardIsALookUpAndNoProof(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "pcscd.comm")
	reader, err := simulator.NewPCSCD(socket, "Simulated Reader")
	if err != nil {
		t.Fatal(err)
	}
	running, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = reader.Run(running) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	c := newClinic(t, func(cfg *config.Config) {
		cfg.Devices = []config.Device{{ID: "card", Class: "nfc", Port: "pcsc:Simulated Reader", Socket: socket}}
	})
	start := time.Now().Format(time.RFC3339)
	in, err := c.control.RosterImport(t.Context(), control.RosterImport{List: []byte("appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,card\n" +
		"apt-1,MRN-1,Fictional,Ada,1950-02-03,cardiology,dr-a," + start + ",04:a1:b2:c3:d4:e5:f6\n" +
		"apt-2,MRN-2,Fictional,Bo,1960-02-03,cardiology,dr-a," + start + ",\n")})
	if err != nil || len(in.Rejected) > 0 {
		t.Fatalf("roster: %+v, %v", in, err)
	}
	b := c.browser()
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	press := func(event string, more map[string]any) {
		t.Helper()
		if err := b.Press(ctx, event, more); err != nil {
			t.Fatalf("%s: %v", event, err)
		}
	}
	want := func(state string) webtest.View {
		t.Helper()
		v, err := b.Until(ctx, state)
		if err != nil {
			t.Fatalf("%s: %v\n%s", state, err, c.log.String())
		}
		return v
	}
	ada := simulator.NewCard([]byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6})
	want("attract")
	if list, err := c.control.Devices(ctx); err != nil || !slices.ContainsFunc(list.Ports, func(p control.Port) bool {
		return p.Identity == "pcsc:Simulated Reader" && p.Path == "Simulated Reader 00"
	}) {
		t.Errorf("the list of what is plugged in: %+v, %v", list.Ports, err)
	}
	press("start", nil)
	press("choose", map[string]any{"language": "en"})
	press("ready", nil)
	want("identify")
	reader.Place(ada)
	want("birth")
	press("born", map[string]any{"birth": "1950-02-04"})
	if v := want("refused"); v.Refusal.Sentence != "no-card" || !v.Refusal.Again {
		t.Errorf("a wrong date of birth: %+v", *v.Refusal)
	}
	press("again", nil)
	want("identify")
	reader.Place(simulator.NewCard([]byte{0x08, 1, 2, 3})) // a phone
	if v := want("refused"); v.Refusal.Sentence != "other-card" || !v.Refusal.Again {
		t.Errorf("a phone: %+v", *v.Refusal)
	}
	reader.Place(ada)
	want("birth")
	press("born", map[string]any{"birth": "1950-02-03"})
	want("confirm")
	press("leave", nil)
	want("attract")

	code, err := c.maker.QR("apt-2", kiosk.Day(in.Days[0]))
	if err != nil {
		t.Fatal(err)
	}
	reader.Place(simulator.NewTextTag([]byte{0x04, 9, 9, 9, 9, 9, 9}, code))
	want("language")
	press("choose", map[string]any{"language": "en"})
	press("ready", nil)
	want("confirm")

	c.eventually("everything delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pub := ed25519.PublicKey(keys.Public)
	audit := strings.Join(c.read("audit.org", pub), "\n")
	for _, action := range []string{"card not-found", "card checked-in", "scan checked-in"} {
		if !strings.Contains(audit, `"`+action+`"`) {
			t.Errorf("the audit channel has no %q", action)
		}
	}
	lists := strings.Join(c.read("roster.cardiology", pub), "\n")
	if !strings.Contains(lists, `"card":"c-`) || strings.Count(lists, `"card":`) != 1 {
		t.Errorf("roster.cardiology holds %s", lists)
	}
	for where, text := range map[string]string{"log": c.log.String(), "audit": audit, "roster": lists} {
		for _, secret := range []string{"04A1B2C3", "04:A1:B2", code} {
			if strings.Contains(strings.ToUpper(text), strings.ToUpper(secret)) {
				t.Errorf("%s holds %s", where, secret)
			}
		}
	}
}

package gateway_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/aamva/aamvatest"
	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/webtest"
)

// atScanner is a clinic with a scanner, and what its page was ever told to show.
type atScanner struct {
	*clinic
	port *simulator.SerialPort
	page *webtest.Browser

	mu    sync.Mutex
	shown strings.Builder
}

func newAtScanner(t *testing.T, changes ...func(*config.Config)) *atScanner {
	t.Helper()
	port := plug(t, t.TempDir(), "front")
	c := newClinic(t, append([]func(*config.Config){func(cfg *config.Config) {
		cfg.Devices = []config.Device{{ID: "front", Class: "scanner", Port: port.Path(), Licences: true}}
	}}, changes...)...)
	a := &atScanner{clinic: c, port: port, page: c.browser()}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.page.Address()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.page.Ask(r, "same-origin", "cors", "empty")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer resp.Body.Close()
		_, _ = io.Copy(a, resp.Body)
	}()
	c.eventually("the scanner attached", func() bool {
		d, err := c.control.Devices(t.Context())
		return err == nil && len(d.Devices) == 1 && d.Devices[0].State == "attached"
	})
	return a
}

func (a *atScanner) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.shown.Write(p)
}

// checkIn puts something under the scanner, at the start screen, and goes through
// to the end: a number, or the sentence that sends the person on.
func (a *atScanner) checkIn(scan string) (ticket, sentence string) {
	a.t.Helper()
	ticket, err := a.page.CheckIn(a.t.Context(), func() error {
		_, err := a.port.Write([]byte(scan + "\r"))
		return err
	}, func(string) bool { return true })
	if refused, ok := errors.AsType[*webtest.Refused](err); ok {
		return ticket, refused.Sentence
	}
	if err != nil {
		a.t.Fatalf("%.40q: %v\n%s", scan, err, a.log.String())
	}
	return ticket, ""
}

// ada is the licence of the patient; what nobody may keep of it says so.
func ada() aamvatest.Licence {
	l := aamvatest.Marlow(10)
	l.Family, l.First, l.Middle, l.Birth, l.Expires = "FICTIONAL", "ADA", "CANARYMIDDLE", "1950-02-03", "2019-12-24"
	l.Number, l.Discriminator, l.Street, l.City = "CANARYNUMBER", "CANARYDISCRIMINATOR", "1 CANARYSTREET", "CANARYCITY"
	return l
}

// TestScansOfEveryKind: each ends at a number or at a sentence with the next step,
// and has its audit event; of a licence nothing is left anywhere but that its
// holder came. The patient's has expired.
func TestScansOfEveryKind(t *testing.T) {
	t.Parallel()
	a := newAtScanner(t)
	a.admit("apt-1") // Ada Fictional, born 3 February 1950
	stranger := ada()
	stranger.Family, stranger.First, stranger.Birth = "CANARYFAMILY", "CANARYGIVEN", "1901-09-17"
	long := ada()
	long.Cut = "E"
	whole := string(ada().Bytes())
	for _, c := range []struct {
		scan             string
		ticket, sentence string
		audit            string
	}{
		{whole, "A-001", "", "licence checked-in"},
		{whole, "A-001", "", "licence waiting"},
		{string(stranger.Bytes()), "", "no-person", "licence not-found"},
		{whole[:len(whole)-30], "", "unreadable", "driving-licence unreadable"},
		{string(long.Bytes()), "", "other-card", "driving-licence other-card"},
		{"shc:/567629095243206034602924374044603122295953265460346029254077280433602870286471674522280928", "", "other-card", "smart-health-card other-card"},
		{"https://viewer.example/#shlink:/eyJ1cmwiOiJodHRwczovL2NhbmFyeSJ9", "", "other-card", "smart-health-link other-card"},
		{"%FLTAMPA^CANARY$ADA^1 NOSUCH ST^?;636010012345678=1912500203?", "", "other-card", "magnetic-stripe other-card"},
		{"%B4111111111111111^CANARY/ADA^3012101?", "", "other-card", "payment-card other-card"},
		{"4111 1111 1111 1111", "", "other-card", "payment-card other-card"},
		{"01095212345432131725123110CANARY\x1d21S42", "", "not-found", "unknown not-found"},
		{"CANARYUNKNOWN", "", "not-found", "scan not-found"},
		{"TKT1:CANARY", "", "not-found", "scan not-found"},
		{"CHK1:CANARY", "", "not-found", "scan not-found"},
	} {
		before := len(a.audited(kiosk.PatientIdentified)) + len(a.audited(kiosk.IdentificationRefused))
		ticket, sentence := a.checkIn(c.scan)
		if ticket != c.ticket || sentence != c.sentence {
			t.Errorf("%.40q ends at %q, %q; want %q, %q", c.scan, ticket, sentence, c.ticket, c.sentence)
		}
		events := append(a.audited(kiosk.PatientIdentified), a.audited(kiosk.IdentificationRefused)...)
		if len(events) != before+1 || !slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, c.audit) }) {
			t.Errorf("%.40q: %d more audit events of %q, want one %q", c.scan, len(events)-before, events, c.audit)
		}
	}
	a.leavesNothing("CANARY", "1901-09-17", "09171901", "19010917", "4111 1111", "2019-12-24", "12242019")
}

// leavesNothing searches the log, the page, all that was published, and the files.
func (a *atScanner) leavesNothing(secrets ...string) {
	a.t.Helper()
	a.eventually("everything delivered", a.drained)
	keys, err := a.control.KeyList(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	places := map[string]string{"the log": a.log.String()}
	a.mu.Lock()
	places["the page"] = a.shown.String()
	a.mu.Unlock()
	if !strings.Contains(places["the page"], `"state":"`) { // of views that follow each other quickly it sees the last
		a.t.Error("the page was not watched")
	}
	for _, channel := range []string{"queue.cardiology", "consent.org", "waiting-room.dr-a", "audit.org", "roster.cardiology", "device.lobby-1"} {
		places[channel] = strings.Join(a.read(channel, keys.Public), "\n")
	}
	for _, r := range a.pubnub.Requests() {
		places["requests"] += r.URI + " " + string(r.Body) + "\n"
	}
	if err := a.stop(); err != nil {
		a.t.Fatal(err)
	}
	err = filepath.WalkDir(a.cfg.Storage.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		places[name] = string(b)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	for place, text := range places {
		for _, s := range secrets {
			if i := strings.Index(strings.ToUpper(text), s); i >= 0 {
				a.t.Errorf("%s has %q: %q", place, s, text[max(0, i-200):min(len(text), i+100)])
			}
		}
	}
}

// TestLicenceWithoutInternet: the list that is held answers, and the licence may be
// as damaged as keyboards make it.
func TestLicenceWithoutInternet(t *testing.T) {
	t.Parallel()
	a := newAtScanner(t)
	a.admit("apt-1")
	a.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	for _, d := range aamvatest.Keyboards() {
		if !strings.HasPrefix(string(d.Do([]byte("@\n\x1e\r"))), "@") {
			continue // a serial scanner puts nothing in front of a code
		}
		if ticket, sentence := a.checkIn(string(d.Do(ada().Bytes()))); ticket != "A-001" {
			t.Errorf("%s: ticket %q, sentence %q", d.Name, ticket, sentence)
		}
	}
	if a.drained() {
		t.Error("events were delivered without a network")
	}
}

// TestALicenceIsOnlyAskedForWhereOneWouldDo: where a scanner reads them and the
// day's list has birth dates.
func TestALicenceIsOnlyAskedForWhereOneWouldDo(t *testing.T) {
	t.Parallel()
	for _, where := range []struct{ scanner, births, want bool }{{true, true, true}, {false, true, false}, {true, false, false}} {
		a := newAtScanner(t, func(cfg *config.Config) { cfg.Devices[0].Licences = where.scanner })
		rows := string(a.row("apt-1", time.Now())) // Ada Fictional, born 3 February 1950
		if !where.births {
			rows = strings.Replace(rows, "1950-02-03", "", 1)
		}
		if in, err := a.control.RosterImport(t.Context(), control.RosterImport{List: []byte(rows)}); err != nil || len(in.Rejected) > 0 {
			t.Fatalf("roster: %+v, %v", in, err)
		}
		for _, step := range []struct {
			event  string
			fields map[string]any
		}{{"start", nil}, {"choose", map[string]any{"language": "en"}}, {"ready", nil}} {
			if err := a.page.Press(t.Context(), step.event, step.fields); err != nil {
				t.Fatal(err)
			}
		}
		asked := ""
		a.eventually("the question for a code", func() bool {
			a.mu.Lock()
			defer a.mu.Unlock()
			_, after, ok := strings.Cut(a.shown.String(), `"state":"identify"`)
			asked = after
			return ok && strings.Contains(after, "\n")
		})
		if got := strings.Contains(asked, `"licence":true`); got != where.want {
			t.Errorf("%+v: asked for a licence: %v", where, got)
		}
	}
}

//go:build e2e

package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

const (
	offlinePatients = 66
	offlineServed   = 60
)

// TestE2EDeskWithoutInternet: the internet is off from before the kiosk starts.
// 66 patients check in, and in a second browser the desk calls and completes 60 of
// them. When the internet is back, PubNub's subscribers see the same queue.
func TestE2EDeskWithoutInternet(t *testing.T) {
	t.Parallel()
	listen := freeAddress(t)
	k := startKiosk(t, true, fmt.Sprintf("[desk]\nlisten = %q\nhosts = [\"127.0.0.1\"]\n[[staff]]\nid = \"ana\"\nname = \"Ana\"\nroles = [\"desk\"]\n", listen))
	file := k.offlineRoster()
	k.must("", "roster", "import", file)
	codes := k.codesOf(file)
	p := openPage(t, k.must("", "launch"))
	tickets := map[string]bool{}
	for n := range offlinePatients {
		ticket, err := p.CheckIn(t.Context(), func() error {
			k.scan(codes[fmt.Sprint("apt-", n)].qr + "\r")
			return nil
		}, func(string) bool { return n%7 > 0 })
		if err != nil || tickets[ticket] || ticket == "" {
			t.Fatalf("patient %d has number %q: %v", n, ticket, err)
		}
		tickets[ticket] = true
	}

	b := k.openDesk(listen)
	b.Until("everybody is listed, with the names", fmt.Sprintf(`document.querySelectorAll('[data-list="waiting"] .rows li').length === %d
		&& [...document.querySelectorAll('[data-list="waiting"] .name')].every((e) => e.textContent.includes("Fakeman"))`, offlinePatients))
	if said := chromium.Evaluate[string](b, `document.querySelector("#link").dataset.online`); said != "false" {
		t.Errorf("without internet the desk says online: %s", said)
	}
	b.Shoot("desk-offline-1280x800")
	began := time.Now()
	for range offlineServed {
		press := func(list, button, then string) {
			t.Helper()
			b.Click(fmt.Sprintf(`[data-list=%q] .rows li .acts button:nth-child(%s)`, list, button))
			b.Until(then, then)
		}
		press("waiting", "1", `document.querySelectorAll('[data-list="called"] .rows li').length === 1`)
		press("called", "2", `document.querySelectorAll('[data-list="inside"] .rows li').length === 1`)
		press("inside", "1", `document.querySelectorAll('[data-list="inside"] .rows li').length === 0`)
	}
	if said := chromium.Evaluate[string](b, `document.querySelector('[data-list="left"] h2 b').textContent`); said != "40+" { // the list for paper has all
		t.Errorf("of %d who have left the desk says %q", offlineServed, said)
	}
	t.Logf("%d patients called and completed in the desk's browser in %.0f s", offlineServed, time.Since(began).Seconds())
	// Two of the others stay as they are, one is called, one is with the provider,
	// one is cancelled, one was called and did not come.
	b.Click(`[data-list="waiting"] .rows li .acts button:nth-child(1)`)
	b.Until("one is called", `document.querySelectorAll('[data-list="called"] .rows li').length === 1`)
	ids := k.entries("waiting")
	k.must("", "queue", "status", ids[1], "in-consultation")
	k.must("", "queue", "status", ids[2], "cancelled")
	k.must("", "queue", "call", ids[3])
	k.must("", "queue", "status", ids[3], "no-show")
	b.Until("the desk has heard", `document.querySelectorAll('[data-list="noshow"] .rows li').length === 1 && document.querySelectorAll('[data-list="inside"] .rows li').length === 1`)
	if got := len(k.pubnub.Channels()); got > 0 {
		t.Fatalf("PubNub has %d channels while the kiosk is cut off", got)
	}
	queued := k.queued()

	peer := startPeer(t, map[string]string{"publishKey": "demo", "subscribeKey": "demo", "origin": k.outside, "cipherKey": k.cipherKey(),
		"kiosk": "lobby-1", "kioskKey": k.publicKey()})
	peer.ask(map[string]any{"do": "subscribe", "channels": []string{"queue.cardiology", "consent.riverside", "audit.riverside"}}, nil)
	k.cable.set(false)
	back := time.Now()
	eventually(t, 2*time.Minute, "PubNub has everything", func() bool { return k.queued() == 0 })
	t.Logf("%d events of the day were with PubNub %.1f s after the reconnect", queued, time.Since(back).Seconds())
	own := k.list()
	day := map[string]int{"completed, removed completed, called 1": offlineServed, "cancelled, removed cancelled, called 0": 1,
		"no-show, removed , called 1": 1, "open": offlinePatients - offlineServed - 2}
	var seen map[string]string
	var ended map[string]int
	var other []string
	soon(func() bool { // PubNub has it all; the SDK may still be at it
		seen, ended, other = k.subscribed(peer), map[string]int{}, nil
		for ticket := range tickets {
			switch got, want := seen[ticket], own[ticket]; {
			case want == "": // off the gateway's list
				ended[got]++
			case !strings.HasPrefix(got, want+", removed ,"):
				other = append(other, fmt.Sprintf("%s: the gateway says %s, a subscriber sees %q", ticket, want, got))
			default:
				ended["open"]++
			}
		}
		return len(seen) == offlinePatients && cmp.Equal(day, ended) && len(other) == 0
	})
	if diff := cmp.Diff(day, ended); diff != "" {
		t.Errorf("what a subscriber sees (-want +got):\n%s", diff)
	}
	if len(seen) != offlinePatients || len(other) > 0 {
		t.Errorf("a subscriber sees %d patients, want %d; %s", len(seen), offlinePatients, strings.Join(other, "; "))
	}
	for _, m := range peer.live() {
		if m.Refused != "" || !m.Signed {
			t.Errorf("a subscriber refuses a message on %s: %s", m.Channel, m.Refused)
		}
	}
	b.Until("the desk knows that the internet is back", `document.querySelector("#link").dataset.online === "true"`)
}

// TestE2EDemoDesk goes the way into the demo's desk that its panel tells, and calls
// somebody there.
func TestE2EDemoDesk(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	v := &visit{d: d, b: chromium.Open(t, 1080, 1920)}
	v.b.Open(d.ready.Kiosk)
	v.b.Screen("attract")
	v.scan(d.ready.Codes[0].Scan)
	v.b.Screen("language")
	v.b.Tap(`[data-language="en"]`)
	v.b.Screen("needs")
	v.b.Tap(`[data-act="ready"]`)
	ticket := v.finish("")

	way := regexp.MustCompile(`(https://\S+), .* code (\S+), then (\S+) with PIN ([0-9]+)`).FindStringSubmatch(d.act("desk", "{}"))
	if way == nil || way[1]+"/" != d.ready.Desk {
		t.Fatalf("the panel says no way to the desk at %s: %q", d.ready.Desk, way)
	}
	b := enterDesk(t, d.ready.Desk, way[2], way[3], way[4])
	b.Until(ticket+" waits", fmt.Sprintf(`document.querySelector('[data-list="waiting"] .rows li')?.textContent.includes(%q)`, ticket))
	b.Click(`[data-list="waiting"] .rows li .acts button:nth-child(1)`)
	b.Until(ticket+" is called", fmt.Sprintf(`document.querySelector('[data-list="called"] .rows li')?.textContent.includes(%q)`, ticket))
}

// offlineRoster writes today's appointments.
func (k *kiosk) offlineRoster() string {
	k.t.Helper()
	var table strings.Builder
	w := csv.NewWriter(&table)
	_ = w.Write([]string{"appointment_id", "patient_id", "family_name", "given_name", "birth_date", "department", "provider", "start", "mode", "language"})
	for n := range offlinePatients {
		_ = w.Write([]string{fmt.Sprint("apt-", n), fmt.Sprint("MRN-", n), fmt.Sprint("Fakeman", n), "Wilma", "1957-02-07", "cardiology", "dr-okafor",
			time.Now().Add(time.Duration(n-30) * time.Minute).Format(time.RFC3339), "in-person", "en"})
	}
	w.Flush()
	return k.write(filepath.Join(k.input, "roster.csv"), table.String())
}

// openDesk pairs another browser and logs a person in, as an administrator and
// that person do.
func (k *kiosk) openDesk(listen string) *chromium.Tab {
	k.t.Helper()
	const pin = "730184"
	var pairing struct{ Data struct{ Code string } }
	if err := json.Unmarshal([]byte(k.must("", "desk", "pair", "--name", "front desk", "--json")), &pairing); err != nil || pairing.Data.Code == "" {
		k.t.Fatalf("no pairing code: %v", err)
	}
	k.must(pin+"\n", "desk", "pin", "ana")
	_, port, _ := net.SplitHostPort(listen)
	return enterDesk(k.t, "https://127.0.0.1:"+port+"/", pairing.Data.Code, "ana", pin)
}

// enterDesk pairs a browser that trusts any certificate, and logs in.
func enterDesk(t *testing.T, address, code, staff, pin string) *chromium.Tab {
	t.Helper()
	b := chromium.Open(t, 1280, 800)
	if _, err := chromedp.Call(b.Ctx, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}); err != nil {
		t.Fatal(err)
	}
	b.Open(address)
	b.Do(chromedp.WaitVisible("#code"), chromedp.Focus("#code"), chromedp.KeyEvent(code+kb.Enter))
	b.Until("the login", `document.body.dataset.state === "entrance" && document.activeElement.id === "staff"`)
	b.Do(chromedp.KeyEvent(staff + kb.Tab + pin + kb.Enter))
	b.Until("the queue", `document.body.dataset.state === "desk"`)
	return b
}

// listed is an entry of `queue list`.
type listed struct{ ID, Ticket, Status string }

func (k *kiosk) queueList() []listed {
	k.t.Helper()
	var s struct{ Data struct{ Entries []listed } }
	if err := json.Unmarshal([]byte(k.must("", "queue", "list", "--json")), &s); err != nil {
		k.t.Fatal(err)
	}
	return s.Data.Entries
}

// list gives the status of each number on the gateway's list.
func (k *kiosk) list() map[string]string {
	out := map[string]string{}
	for _, e := range k.queueList() {
		out[e.Ticket] = e.Status
	}
	return out
}

// entries gives the ids of those of a status, in queue order.
func (k *kiosk) entries(status string) (ids []string) {
	for _, e := range k.queueList() {
		if e.Status == status {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// subscribed gives what a subscriber makes of the queue, by number.
func (k *kiosk) subscribed(p *peer) map[string]string {
	var a struct {
		Entries []struct {
			Ticket, Status, Removed string
			Calls                   int
		}
	}
	p.ask(map[string]any{"do": "queue", "channel": "queue.cardiology"}, &a)
	out := map[string]string{}
	for _, e := range a.Entries {
		out[e.Ticket] = fmt.Sprintf("%s, removed %s, called %d", e.Status, e.Removed, e.Calls)
	}
	return out
}

// publicKey is the key by which the kiosk's signatures are checked.
func (k *kiosk) publicKey() string {
	k.t.Helper()
	_, key, found := strings.Cut(k.must("", "keys", "list"), "public key of this kiosk: ")
	if !found {
		k.t.Fatal("keys list gives no public key")
	}
	return strings.Fields(key)[0]
}

// cipherKey is the key that the clinic's apps hold.
func (k *kiosk) cipherKey() string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.input, "shared.json"))
	if err != nil {
		k.t.Fatal(err)
	}
	var shared []struct{ Kind, Value string }
	if err := json.Unmarshal(text, &shared); err != nil {
		k.t.Fatal(err)
	}
	for _, s := range shared {
		if s.Kind == "pubnub-cipher" {
			return s.Value
		}
	}
	k.t.Fatal("no cipher key among the shared ones")
	return ""
}

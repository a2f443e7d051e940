//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"clinicgate/kiosk/web/webtest/chromium"

	"github.com/chromedp/chromedp"
)

// TestE2EConsumerInBrowser runs the reference consumer's vectors in Chromium.
func TestE2EConsumerInBrowser(t *testing.T) {
	t.Parallel()
	files := http.FileServer(http.Dir(consumer))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".mjs") {
			w.Header().Set("Content-Type", "text/javascript")
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	b := chromium.Open(t, 800, 600)
	b.Open(s.URL + "/README.md")
	if wrong := chromium.Evaluate[string](b, `(async () => {
		const { check } = await import("/check.mjs");
		return JSON.stringify(await check(await (await fetch("/vectors.json")).json()));
	})()`); wrong != "[]" {
		t.Error(wrong)
	}
}

// visit is one patient at the real page.
type visit struct {
	d       *demo
	b       *chromium.Tab
	secrets []string // what was about the patients
}

// scan writes a code where the scanner's bytes come from.
func (v *visit) scan(code string) {
	v.d.t.Helper()
	f, err := os.OpenFile(v.d.ready.Scanner, os.O_WRONLY, 0)
	if err != nil {
		v.d.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(code); err != nil {
		v.d.t.Fatal(err)
	}
	v.secrets = append(v.secrets, strings.TrimSpace(code))
}

func (v *visit) typeCode(code string) {
	v.d.t.Helper()
	for _, k := range code {
		v.b.Tap(`[data-key="` + string(k) + `"]`)
	}
	v.secrets = append(v.secrets, code)
}

var ticketForm = regexp.MustCompile(`^A-[0-9]{3}$`)

// finish gives consent and takes the number.
func (v *visit) finish(picture string) string {
	v.d.t.Helper()
	b := v.b
	b.Screen("confirm")
	if picture != "" {
		b.Shoot(picture + "-confirm")
	}
	b.Tap(`[data-act="confirm"]`)
	b.Screen("consent")
	if picture != "" {
		b.Shoot(picture + "-consent")
	}
	for range 4 {
		before := chromium.Evaluate[string](b, `document.querySelector("main h1").textContent`)
		v.secrets = append(v.secrets, strings.TrimSpace(chromium.Evaluate[string](b, `document.querySelector(".visit-name")?.textContent ?? ""`)))
		b.Tap(`[data-granted="true"]`)
		b.Until("the next step", fmt.Sprintf(`document.body.dataset.state === "done" ||
			document.body.dataset.state === "consent" && document.querySelector("main h1").textContent !== %q`, before))
		if state := chromium.Evaluate[string](b, `document.body.dataset.state`); state != "consent" {
			break
		}
		b.Do(chromedp.Sleep(400e6))
	}
	b.Screen("done")
	if picture != "" {
		b.Shoot(picture + "-done")
	}
	ticket := strings.TrimSpace(chromium.Evaluate[string](b, `document.querySelector(".tile-number").textContent`))
	if !ticketForm.MatchString(ticket) {
		v.d.t.Fatalf("the number is %q", ticket)
	}
	b.Tap(`[data-act="leave"]`)
	b.Screen("attract")
	return ticket
}

// TestE2ECheckIn goes through the whole check-in in real Chromium: by a scan and
// by a typed code, with the network and without it, up to the number on the
// board after a call.
func TestE2ECheckIn(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	v := &visit{d: d, b: chromium.Open(t, 1080, 1920)}
	b, codes := v.b, d.ready.Codes
	b.Open(d.ready.Kiosk)
	b.Screen("attract")
	b.Shoot("1-attract")
	display := b.Another(1920, 1080)
	display.Open(d.ready.Board)
	display.Until("the board", `document.getElementById("called") !== null`)

	call := func(ticket string) {
		t.Helper()
		out, err := exec.Command(program("clinicgate"), "queue", "call", ticket, "--config", d.ready.Config).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		display.Until(ticket+" as called", fmt.Sprintf(`[...document.querySelectorAll("#called .ticket")].some((x) => x.textContent.trim() === %q)`, ticket))
	}
	for i, link := range []string{"up", "cut"} {
		d.act("network", `{"state":"`+link+`"}`)
		name := fmt.Sprintf("%d-%s", 2+i, link)

		v.scan(codes[2*i].Scan)
		b.Screen("language")
		b.Shoot(name + "-scanned")
		b.Tap(`[data-language="en"]`)
		b.Screen("needs")
		b.Tap(`[data-act="ready"]`)
		scanned := v.finish(name + "-scan")

		b.Tap(`[data-act="start"]`)
		b.Screen("language")
		b.Tap(`[data-language="es"]`)
		b.Screen("needs")
		b.Tap(`[data-act="ready"]`)
		b.Screen("identify")
		v.typeCode(codes[2*i+1].Typed)
		b.Shoot(name + "-typed")
		b.Tap("#code-go")
		typed := v.finish(name + "-typed-es")

		if scanned == typed {
			t.Errorf("two patients have the number %s", typed)
		}
		call(scanned)
		call(typed)
		display.Shoot(name + "-board")
	}
	if c := d.counted().Counts; c.Queued == 0 {
		t.Errorf("with the network cut nothing waits: %+v", c)
	}
	d.act("network", `{"state":"up"}`)
	if s := d.settled(60e9); s.Counts.Delivered != s.Counts.Accepted || !s.Balanced {
		t.Errorf("after the outage: %+v", s.Counts)
	}

	dom := chromium.Evaluate[string](b, `document.documentElement.outerHTML`)
	var hosts []string
	for _, address := range []string{d.ready.Panel, d.ready.Board, chromium.Evaluate[string](b, `location.href`)} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, u.Host)
	}
	var secrets []string
	for _, s := range v.secrets {
		if s != "" {
			secrets = append(secrets, s)
		}
		if s != "" && strings.Contains(dom, s) {
			t.Errorf("the page still holds %q", s)
		}
	}
	if len(secrets) < 5 {
		t.Fatalf("the test knows only %d secrets", len(secrets))
	}
	b.Spotless(hosts, secrets)
	display.Spotless(hosts, secrets)
}

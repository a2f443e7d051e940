package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"clinicgate/gateway/config"
	"clinicgate/gateway/doctor"
	"clinicgate/kiosk/phi"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func known(c *Canaries) error {
	c.Person(phi.New("Zanthippa"), phi.New("Ñandúbaeza-Prim"), phi.Text{})
	c.Person(phi.New("Li"), phi.New("Wu"), phi.Text{})
	c.Person(phi.New("Open"), phi.New("Page"), phi.Text{})
	c.Person(phi.Text{}, phi.Text{}, phi.New("司馬相如"))
	c.Born(phi.New("1944-02-05"))
	c.Born(phi.New("2026-11-22")) // a newborn: the day of the log itself
	c.Reference(Appointment, phi.New("APT-77341"))
	c.Reference(Code, phi.New("WREN4TAGUS"))
	c.Reference(Code, phi.New("4711"))
	c.Hidden([]byte("clinic cipher key"))
	c.Hidden(bytes.Repeat([]byte{0x9c, 3}, 16))
	return nil
}

func nobody(*Canaries) error { return nil }

// find looks for what is known in a text.
func find(t *testing.T, text string) (Kind, bool) {
	t.Helper()
	c := newCanaries(now, []section{{"log.txt", []byte(text)}})
	if err := known(c); err != nil {
		t.Fatal(err)
	}
	if f := c.result(); f != nil {
		return f.Kind, true
	}
	return "", false
}

// Each thing is found in each way of writing it, and the product's own words are not.
func TestCanaries(t *testing.T) {
	wrap := map[string]func(string) string{
		"as it is":  func(s string) string { return s },
		"capitals":  strings.ToUpper,
		"hex":       func(s string) string { return hex.EncodeToString([]byte(s)) },
		"HEX":       func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"in base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(`{"n":"` + s + `"}`)) },
		"url":       url.QueryEscape,
		"path":      url.PathEscape,
		"json": func(s string) string {
			j, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return string(j)
		},
		"ascii": escaped,
		"utf-16": func(s string) string {
			var b []byte
			for _, u := range utf16.Encode([]rune(s)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return string(b)
		},
	}
	for value, kind := range map[string]Kind{
		"Zanthippa": Name, "Ñandúbaeza": Name, "Prim": Name, "Li Wu": Name, "Wu, Li": Name, "司馬相如": Name, "Page": Name,
		"1944-02-05": Birth, "19440205": Birth, "2/5/1944": Birth, "APT-77341": Appointment, "WREN4TAGUS": Code, "clinic cipher key": Secret,
	} {
		for way, f := range wrap {
			if way == "capitals" && kind == Secret || len(value) < 5 && strings.HasSuffix(way, "base64") {
				continue // another key then; and what would be met by chance
			}
			if got, found := find(t, "time=x msg=y value="+f(value)+" z"); !found || got != kind {
				t.Errorf("%s %s: found %v, %q", value, way, found, got)
			}
		}
	}
	for _, secret := range []string{hex.EncodeToString(bytes.Repeat([]byte{0x9c, 3}, 16)), "sec-c-MTIzNDU2", "qEF2AkF0GmFLd-NDdHRsGQWgQ3Jlc6VEY2hhbq", "https://ana:word@proxy.example/"} {
		if kind, found := find(t, "x "+secret); !found || kind != Secret {
			t.Errorf("a secret was not found: %s", secret)
		}
	}
	for _, fine := range []string{"the store is open and the page serves", "Li", "Pages Reopened", "time=2026-11-22T09:00:00Z n=4711 1194402051", ""} {
		if kind, found := find(t, fine); found {
			t.Errorf("%q: found %s", fine, kind)
		}
	}
}

func contents(t *testing.T, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// A canary in a section stops the bundle; the error has the section and not the
// thing; without the section it is written and says so.
func TestZip(t *testing.T) {
	b := Bundle{About: About{Version: 1, Made: now}, Checks: []doctor.Report{{ID: "store-open", State: doctor.OK}}, Config: config.Default().Shared(),
		Log: Lines{"time=1 msg=fine", "panic: a line of another", "time=2 msg=Zanthippa"}}
	_, err := b.Zip(known, nil)
	found, ok := errors.AsType[*Found](err)
	if !ok || found.Section != "log.txt" || found.Kind != Name || strings.Contains(err.Error(), "Zanthippa") || !strings.Contains(found.Hint(), "--without log.txt") {
		t.Fatalf("%v", err)
	}
	file, err := b.Zip(known, []string{"log.txt"})
	if err != nil {
		t.Fatal(err)
	}
	got := contents(t, file)
	if got["log.txt"] != "" || !strings.Contains(got["about.json"], `"log.txt"`) || !strings.Contains(got["about.json"], `"searched": 4`) || !strings.Contains(got["checks.json"], "store-open") {
		t.Errorf("%v", got)
	}
	b.Log = b.Log[:2]
	if file, err = b.Zip(known, nil); err != nil {
		t.Fatal(err)
	}
	if got := contents(t, file); got["log.txt"] != "time=1 msg=fine\n[a line of another program]\n" {
		t.Errorf("log %q", got["log.txt"])
	}
	if _, err := b.Zip(known, []string{"about.json"}); err == nil {
		t.Error("about.json was left out")
	}
}

// appointments are as many people as a clinic's lists may hold, each with names of
// their own.
func appointments(c *Canaries, n int) {
	for i := range n {
		given, family := nameOf(i)
		c.Person(phi.New(given), phi.New(family), phi.Text{})
		c.Born(phi.New(time.Date(1930, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)))
		c.Reference(Appointment, phi.New(fmt.Sprintf("APT-%07d", i)))
		c.Reference(Code, phi.New(fmt.Sprintf("%08d", 31*i+20_000_000)))
	}
}

// nameOf gives names that begin and end as those of others do.
func nameOf(i int) (given, family string) {
	var letters []byte
	for range 4 {
		letters, i = append(letters, byte('a'+i%26)), i/26
	}
	return "Xan" + string(letters), "Quo" + string(letters) + "sen"
}

// Everybody is searched for, and so is every secret, however many there are and
// whatever came before: also where the log is full of what is nearly a name, so that
// there is more to look for than is held at a time.
func TestEverybodyIsSearchedFor(t *testing.T) {
	const people = 3000
	var near strings.Builder
	for i := range people / 3 {
		given, family := nameOf(i)
		for _, whole := range []string{given, family, given + " " + family, family + " " + given, family + ", " + given, family + "^" + given} {
			fmt.Fprintf(&near, "time=1 x%sx x%sx x%sx\n", whole, strings.ToUpper(whole), strings.ToLower(whole))
		}
	}
	all := func(c *Canaries) error {
		appointments(c, people)
		c.Hidden([]byte("clinic cipher key"))
		return nil
	}
	_, first := nameOf(0)
	_, last := nameOf(people - 1)
	for _, c := range []struct {
		before, text string
		kind         Kind // none: nothing is found
	}{
		{"", last, Name}, {"", "clinic cipher key", Secret},
		{near.String(), "", ""}, {near.String(), first, Name}, {near.String(), last, Name}, {near.String(), "clinic cipher key", Secret},
	} {
		b := Bundle{About: About{Made: now}, Log: strings.Split(c.before+"time=2 msg="+c.text, "\n")}
		file, err := b.Zip(all, nil)
		found, ok := errors.AsType[*Found](err)
		switch {
		case c.kind == "" && err != nil:
			t.Errorf("after %d bytes: %v", len(c.before), err)
		case c.kind == "" && !strings.Contains(contents(t, file)["about.json"], `"searched": 3000`):
			t.Errorf("not all are counted: %s", contents(t, file)["about.json"])
		case c.kind != "" && (!ok || found.Section != "log.txt" || found.Kind != c.kind):
			t.Errorf("%q after %d bytes: %v", c.text, len(c.before), err)
		}
	}
}

// What cannot be searched is not written.
func TestUnsearched(t *testing.T) {
	broken := errors.New("the list does not open")
	if file, err := (Bundle{}).Zip(func(*Canaries) error { return broken }, nil); file != nil || !errors.Is(err, broken) {
		t.Errorf("%d bytes, %v", len(file), err)
	}
}

// BenchmarkSearch searches the longest log for the people of 20,000 appointments.
func BenchmarkSearch(b *testing.B) {
	made := Bundle{About: About{Made: now}}
	for i := range 20_000 {
		made.Log = append(made.Log, fmt.Sprintf("time=2026-11-22T09:00:%02d.%06dZ level=INFO msg=\"a page was asked for\" component=web path=/api/%x took=%dms", i%60, i, i*7919, i%97))
	}
	made.Recent = made.Log
	b.ReportAllocs()
	for b.Loop() {
		if _, err := made.Zip(func(c *Canaries) error { appointments(c, 20_000); return nil }, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Of a long log the newest 2 MB are in it, and a section without end is left out by
// name.
func TestSizes(t *testing.T) {
	b := Bundle{Metrics: bytes.Repeat([]byte("m 1\n"), maxPart/4+1)}
	line := "time=1 " + strings.Repeat("x", 1000)
	for range 4000 {
		b.Log = append(b.Log, line)
	}
	b.Log = append(b.Log, "time=last")
	file, err := b.Zip(nobody, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := contents(t, file)
	if n := len(got["log.txt"]); n > MaxLog || n < MaxLog-2000 || !strings.HasSuffix(got["log.txt"], "time=last\n") {
		t.Errorf("log of %d bytes", n)
	}
	if got["metrics.txt"] != "" || !strings.Contains(got["about.json"], "metrics.txt") {
		t.Errorf("metrics of %d bytes, %s", len(got["metrics.txt"]), got["about.json"])
	}
}

// The keys that may be shown exist, and what a person writes freely is not shown.
func TestShared(t *testing.T) {
	c := config.Default()
	c.Kiosk.ID, c.Kiosk.Clinic, c.PubNub.Proxy = "lobby-canary", "Canary Clinic", "http://canary"
	c.Departments = []config.Department{{ID: "canary", Name: map[string]string{"en": "Canary"}}}
	c.Staff = []config.Staff{{ID: "canary", Name: "Ana Canary", Roles: []config.StaffRole{config.StaffDesk}}}
	c.Devices = []config.Device{{ID: "canary", Class: "scanner", Port: "canary"}}
	text, err := json.Marshal(c.Shared())
	if err != nil || strings.Contains(strings.ToLower(string(text)), "canary") {
		t.Errorf("%s, %v", text, err)
	}
	for _, want := range []string{`{"key":"pubnub.proxy","state":"set"}`, `{"key":"log.level","state":"default","value":"\"info\""}`, `{"key":"staff","state":"1"}`, `{"key":"device[1].class","state":"set","value":"\"scanner\""}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	for _, key := range config.Shareable() {
		if !slices.Contains(config.Keys(), key) {
			t.Errorf("%s is no key", key)
		}
	}
}

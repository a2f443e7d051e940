//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

// TestE2ENothingLeaks plants made-up particulars in every input there is and
// then looks for them wherever somebody without a key could look: the gateway's
// folder (database, side files), its log at the level debug, what its commands
// and figures print, every request that PubNub got (address, header, body), the
// metadata there, MQTT and the board.
func TestE2ENothingLeaks(t *testing.T) {
	t.Parallel()
	c := &canary{kiosk: startKiosk(t, false, ""), people: people()}
	c.shown = watchBoard(t, "http://"+c.board+"/board")
	c.foreignMetadata()
	c.roster()
	c.page = openPage(t, c.must("", "launch"))
	c.visits()
	c.scans()
	c.touches()
	c.moods()
	c.powerCut()
	c.devices()
	c.strangers()
	eventually(t, 20*time.Second, "the board shows the call", func() bool { return strings.Contains(c.shown.everything(), `"called":[{`) })
	eventually(t, 90*time.Second, "everything was published", func() bool { return c.queued() == 0 })
	eventually(t, 30*time.Second, "the foreign snapshot was replaced", func() bool { return !strings.Contains(c.metadata("queue.cardiology"), c.foreign) })
	c.arrived()
	c.search()
}

// person is a made-up patient whose particulars are markers.
type person struct {
	appointment, patient, family, given, born, code string
}

// people have names of several scripts and lengths; nobody is called so.
func people() (list []person) {
	families := []string{"Quillowmarsh", "Ñandúbaeza-Prim", "Zzyzxfeather", "O'Brambletwist", "Æbelhavnsen", "Krähenfußler", "Wobblecastle", "歐陽桂林子"}
	givens := []string{"Zanthippa", "Évangelíne", "Bartholomoo", "Siobhánique", "Åsgerdine", "Jürgelind", "Peregrinella", "司馬相如如"}
	for i := range families {
		list = append(list, person{
			appointment: fmt.Sprintf("canary-appt-%d", i), patient: fmt.Sprintf("MRN-CANARY-77%d", i), family: families[i], given: givens[i],
			born: fmt.Sprintf("19%02d-0%d-1%d", 31+3*i, 1+i, i), code: fmt.Sprintf("WREN%dTAGUS", i),
		})
	}
	return list
}

// canary is a kiosk that is told what must not come out of it.
type canary struct {
	*kiosk
	people  []person
	page    *page
	shown   *board
	planted markers
	foreign string
	codes   map[string]patientCode
}

// plant notes a text that must not be found, and gives it.
func (c *canary) plant(text string) string {
	c.planted = append(c.planted, text)
	return text
}

// foreignMetadata is what somebody else wrote in the clear, before the gateway did.
func (c *canary) foreignMetadata() {
	c.t.Helper()
	c.foreign = c.plant("Snapshotte Vandermark")
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPatch, "http://"+c.origin+"/v2/objects/demo/channels/queue.cardiology?uuid=stranger",
		strings.NewReader(`{"custom":{"queueState":"[{\"name\":\"`+c.foreign+`\"}]"}}`))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("foreign metadata was not taken: status %d", resp.StatusCode)
	}
}

// roster imports good rows, and then rows that are wrong in every way.
func (c *canary) roster() {
	c.t.Helper()
	var table bytes.Buffer
	w := csv.NewWriter(&table)
	row := func(fields ...string) { _ = w.Write(fields) }
	head := []string{"appointment_id", "patient_id", "family_name", "given_name", "birth_date", "department", "provider", "start", "mode", "language", "phone_last2", "code"}
	start := time.Now().Format(time.RFC3339)
	row(head...)
	for i, p := range c.people {
		row(c.plant(p.appointment), c.plant(p.patient), c.plant(p.family), c.plant(p.given), c.plant(p.born), "cardiology", "dr-okafor", start,
			[]string{"in-person", "video"}[i%2], "en", "42", c.plant(p.code))
	}
	w.Flush()
	good := c.write(filepath.Join(c.input, "roster.csv"), table.String())
	c.must("", "roster", "import", good)
	c.codes = c.codesOf(good)

	table.Reset()
	row(head...)
	row(c.plant("bad id of Mirabelle Oxenfoord"), "MRN-1", "X", "Y", "1960-01-01", "cardiology", "", start, "", "", "", "")
	row("b-1", c.plant("MRN-REFUSED-4711"), "X", "Y", c.plant("31 February 1944"), "cardiology", "", start, "", "", "", "")
	row("b-2", "MRN-2", c.plant("Wrongdepartmentina"), "Y", "1960-01-01", c.plant("Mrs Placemark's ward"), "", start, "", "", "", "")
	row("b-3", "MRN-3", "X", "Y", "1960-01-01", "cardiology", c.plant("Dr of Hildegard Finch"), start, "", "", "", "")
	row("b-4", "MRN-4", "X", "Y", "1960-01-01", "cardiology", "", c.plant("when Ottoline comes"), "", "", "", "")
	row("b-5", "MRN-5", "X", "Y", "1960-01-01", "cardiology", "", start, c.plant("asleep, says Mungo"), c.plant("speaks Tamsinish"), "", "")
	row("b-6", "MRN-6", "X", "Y", "1960-01-01", "cardiology", "", start, "", "", c.plant("+1 555 0142 399"), "")
	w.Flush()
	for name, text := range map[string]string{
		"rows":  table.String(),
		"quote": table.String() + "b-7,\"MRN-7," + c.plant("Unbalancedquote Jonas") + "\n",
		"head":  c.plant("Headerline Esmeralda") + ",x\n1,2\n",
	} {
		if out, err := c.command("", "roster", "import", c.write(filepath.Join(c.input, name+".csv"), text)); err == nil {
			c.t.Errorf("a roster with bad %s was taken:\n%s", name, out)
		}
	}
}

// visits lets everybody check in, half of them without a network.
func (c *canary) visits() {
	c.t.Helper()
	for i, p := range c.people {
		if i == len(c.people)/2 {
			c.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
		}
		show := func() error {
			if code := c.codes[p.appointment]; i%2 == 0 {
				c.scan(code.qr + "\r")
			} else {
				c.identify(code.typed)
			}
			return nil
		}
		ticket, err := c.page.CheckIn(c.t.Context(), show, func(string) bool { return true })
		if err != nil || ticket == "" {
			c.t.Errorf("patient %d got number %q: %v", i, ticket, err)
		}
	}
	c.pubnub.Faults().Clear()
}

// identify types a code.
func (c *canary) identify(typed string) {
	c.t.Helper()
	c.page.press("start", nil)
	c.page.until("language")
	c.page.press("choose", map[string]any{"language": "en"})
	c.page.until("needs")
	c.page.press("ready", nil)
	c.page.until("identify")
	c.page.press("code", map[string]any{"code": typed})
}

// scans puts under the scanner what people put under scanners.
func (c *canary) scans() {
	c.t.Helper()
	for _, text := range []string{
		c.plant("Mr Scannington, born 1944-02-29") + "\r",
		"BEGIN:VCARD\r\nFN:" + c.plant("Vcardia Lopezmarker") + "\r\nTEL:" + c.plant("+49 30 5550 7788") + "\r\nEND:VCARD\r",
		"@\n\x1e\rANSI 636026080102DL00410288ZA03290015DLDAQ" + c.plant("D1234562TAGUS") + "\nDCS" + c.plant("LICENSEHOLDERSON") + "\nDBB02291944\r",
		c.codes[c.people[0].appointment].qr[:60] + c.plant("TRUNCATEDQUINTUS") + "\r",
		"https://clinic.example/checkin?name=" + c.plant("Urlbert-Queryman") + "\r",
		strings.Repeat("x", 5000) + c.plant("Overlongina") + "\r",
		"\x80\xff" + c.plant("nonutf Clementine") + "\r",
	} {
		read := func() int { return bytes.Count(c.log.bytes(), []byte("code read")) }
		before := read()
		c.scan(text)
		// None may be left for the touches afterwards.
		soon(func() bool { return read() > before })
		time.Sleep(150 * time.Millisecond)
		c.page.settle()
	}
}

// touches says to the page's server what patients type and what no browser would
// say.
func (c *canary) touches() {
	c.t.Helper()
	p := c.page
	for _, code := range []string{c.plant("Typed Tobias 1939-12-30"), c.plant("TYPEDCODEROSALIND"), c.plant("ein viel zu langer Code von Herrn Wachtelmann"), c.plant("<script>Hugo</script>")} {
		c.identify(code)
		p.until("identify", "refused")
		p.settle()
	}
	p.press("start", nil)
	p.until("language")
	p.press("choose", map[string]any{"language": c.plant("language of Fenella")})
	p.press("scan", map[string]any{"code": c.plant("Wedgewise Octavia")})
	p.settle()
	p.press("decide", map[string]any{"form": c.plant("form of Leopoldine"), "shown": c.plant("shown to Casimir"), "granted": true})
	p.press("help", map[string]any{"kind": c.plant("ill, says Rosamund")})
	p.press("help", map[string]any{"kind": "ill"})
	p.press(c.plant("event Balthasar"), nil)
	post := func(path, body string) { p.ask(http.MethodPost, path, body, "same-origin", "cors", "empty") }
	post("/act", `{"unknown":"`+c.plant("Jsonia Bracewell")+`"`)
	post("/act", `{"session":"`+c.plant("session of Wilhelmina")+strings.Repeat("x", 40<<10)+`"}`)
	post("/"+url.PathEscape(c.plant("Pathrick Slashby")), "")
	p.ask(http.MethodGet, "/?name="+url.QueryEscape(c.plant("Queryella Strand")), "", "cross-site", "navigate", "document")
}

// moods makes PubNub fail in every way, so that errors are written too.
func (c *canary) moods() {
	c.t.Helper()
	for _, f := range []emulator.Rule{
		{Action: emulator.Answer, Status: 403, Body: `{"message":"Forbidden","payload":{"channels":["queue.cardiology"]},"error":true,"service":"Access Manager","status":403}`},
		{Action: emulator.Answer, Status: 503}, {Action: emulator.Garbage}, {Action: emulator.Truncate},
		{Action: emulator.Answer, Status: 400, Kind: emulator.Publish, Body: `[0,"Invalid JSON","17000000000000000"]`},
	} {
		f.Count = 12
		armed := c.pubnub.Faults().Add(f)
		c.must("", "provider", "set", "dr-okafor", "away")
		c.must("", "provider", "set", "dr-okafor", "available")
		eventually(c.t, 20*time.Second, fmt.Sprintf("the gateway meets %+v", f), func() bool { return armed.Hits() > 0 })
		time.Sleep(time.Second) // and what it does about it
		c.pubnub.Faults().Clear()
	}
}

// powerCut kills the gateway; what it waited to do is tried anew afterwards.
func (c *canary) powerCut() {
	c.t.Helper()
	if err := c.process.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, 10*time.Second, "the killed gateway is gone", func() bool { return !c.answers() })
	c.start()
}

// cuff is a device's place in the topics.
const cuff = "clinic/main/lobby-1/vitals/cuff-1/"

// devices lets an MQTT device talk of people.
func (c *canary) devices() {
	c.t.Helper()
	d := connectMQTT(c.t, c.mqtt, "cuff-1")
	for i, payload := range []string{
		`{"v":1,"state":"ready","reason":"` + c.plant("for Mrs Mqttilda") + `"}`,
		`{"v":1,"state":"` + c.plant("attached to Ferdinando") + `"}`,
		`{"v":1,"state":"ready","id":"` + c.plant("not-a-uuid-Gwendolyn") + `"}`,
		`{"v":1,"state":"ready","patient":"` + c.plant("Extramember Ignatius") + `"}`,
		c.plant("no JSON at all, Philomena"),
		`{"v":2,"name":"` + c.plant("Versionista Quayle") + `","systolic":120}`,
	} {
		if !d.publish(cuff+[]string{"event", "state"}[i%2], payload, i%2 == 1) {
			c.t.Errorf("a device's message was not acknowledged: %s", payload)
		}
	}
	// What a device may not write to: the broker acknowledges or hangs up, as it likes.
	for _, topic := range []string{"clinic/main/lobby-1/" + c.plant("topic of Valentina") + "/cuff-1/event", c.plant("Topicus Merriweather")} {
		connectMQTT(c.t, c.mqtt, "cuff-1").publish(topic, `{"v":1,"state":"ready"}`, false)
	}
}

// strangers puts into PubNub what others could, encrypted and not.
func (c *canary) strangers() {
	c.t.Helper()
	entry := c.anEntry()
	for i, m := range []struct{ channel, by, text string }{
		{"queue.cardiology", "dr-okafor", `{"action":"CALLED","queueEntryId":"` + entry + `","ticket":"A-001","room":"` + c.plant("Room of Mr Foreignroom") + `","calledBy":"dr-okafor","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.cardiology", "dr-okafor", `{"action":"PROVIDER_STATUS","providerId":"dr-okafor","status":"away","room":"` + c.plant("home with Seraphina") + `","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.cardiology", "dr-okafor", `{"action":"STATUS_UPDATED","queueEntryId":"` + c.plant("no entry of Thaddeus") + `","newStatus":"` + c.plant("gone to Yevgenia") + `","updatedBy":"dr-okafor","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.cardiology", "dr-okafor", `{"action":"` + c.plant("UNKNOWN-ACT-MINERVA") + `","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.cardiology", c.plant("user-Hortense"), `{"action":"CALLED","calledBy":"` + c.plant("by Nurse Ermintrude") + `"}`},
		{"emergency.cardiology", "dr-okafor", `{"action":"EMERGENCY_ESCALATION","type":"EMERGENCY_ESCALATION","id":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","escalatedBy":"dr-okafor","severity":"critical","reason":"` + c.plant("Mr Collapsington fell") + `","status":"active","timestamp":"2026-01-01T00:00:00Z"}`},
		{"consent.riverside", "dr-okafor", `{"type":"CONSENT_RECORDED","record":{"patientId":"` + c.plant("consent of Zebedee") + `"}}`},
		{"roster.cardiology", "dr-okafor", `{"type":"ROSTER","day":"2026-01-01","rows":[{"family":"` + c.plant("Rostra Fakeham") + `"}]}`},
		{"kiosk.lobby-1", "dr-okafor", `{"type":"COMMAND","name":"` + c.plant("restart Cornelius") + `"}`},
	} {
		c.inject(m.channel, m.by, m.text, true)
		c.inject(m.channel, m.by, strings.ReplaceAll(m.text, "2026-01-01", fmt.Sprintf("2026-02-0%d", i+1)), false)
	}
	c.inject("queue.cardiology", "dr-okafor", `"UE5FRA=="`, false)
	c.inject("queue.cardiology", "dr-okafor", `"`+c.plant("not base64 of Sigismund")+`"`, false)
	c.inject("queue.cardiology", "dr-okafor", c.plant("signed by Anastasius"), true)
	c.inject("presence.providers.cardiology-pnpres", "dr-okafor", `{"action":"state-change","uuid":"dr-okafor","timestamp":1700000000,"occupancy":1,"data":{"status":"`+c.plant("busy with Evadne")+`","displayName":"`+c.plant("Dr Impostora")+`"}}`, false)
}

// arrived checks that the particulars did go through: a reader with the key has
// them. Otherwise finding none outside would prove nothing.
func (c *canary) arrived() {
	c.t.Helper()
	plain, clear := c.published()
	all := strings.Join(plain, "\n")
	for _, p := range c.people {
		if name, _ := json.Marshal(p.family); !strings.Contains(all, strings.Trim(string(name), `"`)) && !strings.Contains(all, p.family) {
			c.t.Errorf("%s is in no published roster: the test does not plant what it thinks", p.family)
		}
		if !strings.Contains(all, p.appointment) {
			c.t.Errorf("%s is in no published entry", p.appointment)
		}
	}
	if clear > 0 {
		c.t.Errorf("%d published payloads were not ciphertext of the product's", clear)
	}
	c.t.Logf("a reader with the key has %d events", len(plain))
}

// search looks for all that was planted, while the gateway runs and after it was
// stopped cleanly.
func (c *canary) search() {
	c.t.Helper()
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"sync", "status"}, {"sync", "status", "--json"}, {"queue", "list", "--all"}, {"queue", "list", "--all", "--json"},
		{"queue", "alarms"}, {"devices", "list"}, {"keys", "list"}, {"audit", "verify"}, {"audit", "list"}, {"audit", "list", "--json"}, {"store", "check"}, {"config", "show"}} {
		if _, err := c.command("", args...); err != nil {
			c.t.Errorf("clinicgate %s: %v", strings.Join(args, " "), err)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(c.planted)))); n < 100 || n != len(c.planted) {
		c.t.Fatalf("%d markers, %d of them different: want 100 at least", len(c.planted), n)
	}
	needles := c.planted.needles()
	c.t.Logf("%d markers planted, searched for in %d forms", len(c.planted), len(needles))
	look := func(place string, text []byte) {
		c.t.Helper()
		found := search(needles, text)
		for _, f := range found[:min(len(found), 12)] {
			c.t.Errorf("%s: %s", place, f)
		}
		c.t.Logf("searched %s: %d bytes, %d found", place, len(text), len(found))
		if len(text) == 0 {
			c.t.Errorf("%s: there is nothing to search", place)
		}
	}
	inFolder := func(when string) {
		c.t.Helper()
		files, size, found := searchFolder(c.t, needles, c.dir)
		for _, f := range found[:min(len(found), 12)] {
			c.t.Errorf("%s: %s", when, f)
		}
		c.t.Logf("searched the folder, %s: %d files of %d bytes, %d found", when, files, size, len(found))
		if files < 6 {
			c.t.Errorf("%d files in the folder: that is not all", files)
		}
	}
	inFolder("while it runs")
	if !bytes.Contains(c.log.bytes(), []byte("level=DEBUG")) {
		c.t.Error("the log is not at level debug")
	}
	look("log", c.log.bytes())
	look("output of the commands", c.out.bytes())
	var sent bytes.Buffer
	for _, r := range c.pubnub.Requests() {
		if strings.Contains(r.URI, "uuid=stranger") {
			continue
		}
		unescaped, _ := url.PathUnescape(r.URI)
		fmt.Fprintf(&sent, "%s %s\n%s\n%v\n%s\n", r.Method, r.URI, unescaped, r.Header, r.Body)
	}
	look("requests to PubNub", sent.Bytes())
	look("metadata at PubNub", []byte(c.metadata("queue.cardiology")))
	look("board", []byte(c.shown.everything()))
	// A device may listen to its commands, and to nothing else; others to nothing.
	filters := []string{cuff + "command", cuff + "state", cuff + "event", "#", "clinic/#", "clinic/main/lobby-1/#", "$SYS/#"}
	for id, allowed := range map[string]int{"cuff-1": 1, "snoop": 0} {
		granted, heard := connectMQTT(c.t, c.mqtt, id).listen(filters...)
		if granted != allowed {
			c.t.Errorf("the device %s may listen at %d places, want %d", id, granted, allowed)
		}
		look("MQTT, as "+id, heard)
	}

	_ = c.process.Process.Signal(os.Interrupt)
	eventually(c.t, 20*time.Second, "the gateway stops", func() bool { return !c.answers() })
	inFolder("after a clean stop")
	look("log, after a clean stop", c.log.bytes())
}

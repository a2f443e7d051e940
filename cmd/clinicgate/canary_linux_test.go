package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"clinicgate/devices/aamva/aamvatest"
	"clinicgate/devices/simulator"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk/web/webtest"
)

// TestNothingPlantedComesOut plants canaries in every input of the real program and
// then looks for them in what a technician sees or sends away: the log at the level
// debug, its tail, metrics, health, the bundle (service up and down), and what the
// commands print. What is stored and published is searched by the e2e tests.
func TestNothingPlantedComesOut(t *testing.T) {
	t.Parallel()
	g := newGarden(t)
	g.setUp()
	g.start()
	g.lists()
	g.keys()
	g.visits()
	g.scans()
	g.mqtt()
	g.strangers()
	g.desk()
	g.knocks()
	g.moods()
	g.search()
}

// garden is a kiosk with canaries in it.
type garden struct {
	t       *testing.T
	dir     string
	pubnub  *emulator.Emulator
	cipher  *pubnub.Cipher
	scanner *simulator.SerialPort
	reader  *simulator.PCSCD
	proxied sync.Map // what the proxy was told to know its client

	planted []string
	process *exec.Cmd
	screen  syncBuffer // what the service and the commands printed
	at      map[string]string
	page    *webtest.Browser
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

func (g *garden) plant(text string) string {
	if !slices.Contains(g.planted, text) {
		g.planted = append(g.planted, text)
	}
	return text
}

func (g *garden) write(name, text string) string {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// command runs the program; what it prints is searched later.
func (g *garden) command(stdin string, args ...string) (string, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 90*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "clinicgate", append(args, "--config", filepath.Join(g.dir, "c.toml"))...)
	c.Dir, c.Stdin = g.dir, strings.NewReader(stdin)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	if args[0] != "launch" && !slices.Contains(args, "pair") { // their result is a secret
		fmt.Fprintf(&g.screen, "%s\n", out.Bytes())
	}
	return out.String(), err
}

func (g *garden) must(stdin string, args ...string) string {
	g.t.Helper()
	out, err := g.command(stdin, args...)
	if err != nil {
		g.t.Fatalf("clinicgate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func newGarden(t *testing.T) *garden {
	t.Helper()
	g := &garden{t: t, dir: t.TempDir(), pubnub: emulator.New(emulator.Options{AccessManager: true})}
	var err error
	if g.scanner, err = simulator.NewSerialPort(t.TempDir(), "front"); err != nil {
		t.Fatal(err)
	}
	if g.reader, err = simulator.NewPCSCD(filepath.Join(g.dir, "pcscd.comm"), "Simulated Reader"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = g.scanner.Run(ctx) })
	wg.Go(func() { _ = g.reader.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return g
}

// setUp writes settings, and secrets into their files.
func (g *garden) setUp() {
	g.t.Helper()
	// What is on this machine is reached without a proxy: PubNub is elsewhere, and
	// only the proxy knows the way.
	origin := httptest.NewTLSServer(g.pubnub)
	_, port, err := net.SplitHostPort(origin.Listener.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	g.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: origin.Certificate().Raw})))
	g.t.Cleanup(origin.Close)
	g.t.Cleanup(g.pubnub.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.proxied.Store(r.Header.Get("Proxy-Authorization"), true)
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		to, err := net.Dial("tcp", origin.Listener.Addr().String())
		if err != nil {
			return
		}
		defer to.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
		_, _ = io.Copy(from, to)
	}))
	g.t.Cleanup(proxy.Close)
	all := emulator.Masks{".*": emulator.MayRead | emulator.MayWrite | emulator.MayGet | emulator.MayUpdate | emulator.MayJoin}
	token, err := g.pubnub.MintToken(emulator.Grant{TTL: 60, Issued: time.Now(), UUID: "lobby-1", ChannelPatterns: all, UUIDPatterns: all})
	if err != nil {
		g.t.Fatal(err)
	}
	g.write("token", g.plant(token))
	g.write("creds", "kiosk:"+g.plant("Proxyword-Gundula"))
	if err := os.Mkdir(filepath.Join(g.dir, "lists"), 0o700); err != nil {
		g.t.Fatal(err)
	}
	args := []string{"config", "init", "--path", filepath.Join(g.dir, "c.toml")}
	// The clinic day begins hours away from now: who is on the list of a day that ended
	// cannot check in.
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		g.t.Fatal(err)
	}
	starts := "12:00"
	if h := time.Now().In(madrid).Hour(); h >= 6 && h < 18 {
		starts = "00:00"
	}
	for _, s := range []string{"kiosk.day_starts=" + starts, "kiosk.id=lobby-1", "kiosk.letter=A", "kiosk.site=main", "kiosk.organization=riverside", "kiosk.zone=Europe/Madrid", "storage.dir=data",
		"key_source.kind=key-file", "key_source.file=root.key", "control.path=run/c.sock", "pubnub.origin=example.com:" + port, "pubnub.ca_file=ca.pem",
		"pubnub.publish_key=demo", "pubnub.subscribe_key=demo", "pubnub.token_file=token", "pubnub.proxy=" + proxy.URL, "pubnub.proxy_credentials_file=creds",
		"web.listen=127.0.0.1:0", "mqtt.listen=127.0.0.1:0", "metrics.listen=127.0.0.1:0", "log.file=gate.log", "log.level=debug", "checkin.early=12h", "checkin.late=12h",
		"desk.listen=127.0.0.1:0", `desk.hosts=["127.0.0.1"]`, "roster.folder=lists"} {
		args = append(args, "--set", s)
	}
	out, err := exec.CommandContext(g.t.Context(), "clinicgate", args...).CombinedOutput()
	if err != nil {
		g.t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(g.dir, "c.toml"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.write("c.toml", string(text)+fmt.Sprintf(`
[[staff]]
id = "ana"
name = %q
roles = ["desk"]
[[device]]
id = "front"
class = "scanner"
port = %q
licences = true
[[device]]
id = "card"
class = "nfc"
port = "pcsc:Simulated Reader"
socket = %q
`, g.plant("Staffania Queenmark"), g.scanner.Path(), filepath.Join(g.dir, "pcscd.comm")))
	g.must("", "keys", "init", "--generate", "--shared-keys", "shared.json")
	root, err := os.ReadFile(filepath.Join(g.dir, "root.key"))
	if err != nil {
		g.t.Fatal(err)
	}
	words := strings.Fields(string(root))
	g.plant(words[len(words)-1])
}

func (g *garden) start() {
	g.t.Helper()
	g.process = exec.Command("clinicgate", "run", "--json", "--config", filepath.Join(g.dir, "c.toml"))
	g.process.Dir, g.process.Stderr = g.dir, &g.screen
	out, err := g.process.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.process.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = g.process.Process.Kill(); _ = g.process.Wait() })
	var said struct{ Data map[string]string }
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		g.t.Fatalf("the service did not say where it is: %v\n%s", err, g.screen.Bytes())
	}
	go func() { _, _ = io.Copy(&g.screen, out) }()
	g.at = said.Data
}

func (g *garden) eventually(what string, holds func() bool) {
	g.t.Helper()
	for range 600 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	g.t.Fatalf("not within 30 s: %s\n%s", what, g.log())
}

func (g *garden) log() []byte {
	text, err := os.ReadFile(filepath.Join(g.dir, "gate.log"))
	if err != nil {
		g.t.Error(err)
	}
	return text
}

// keys gives the service secrets: good ones, and what is none.
func (g *garden) keys() {
	g.t.Helper()
	shared, err := os.ReadFile(filepath.Join(g.dir, "shared.json"))
	if err != nil {
		g.t.Fatal(err)
	}
	var forms []map[string]string
	if err := json.Unmarshal(shared, &forms); err != nil {
		g.t.Fatal(err)
	}
	for _, f := range forms {
		g.plant(f["value"])
	}
	cipher := g.plant("cipher key of Ludmilla Vault")
	forms = append(forms, map[string]string{"kind": "pubnub-cipher", "id": "q9", "value": cipher})
	text, err := json.Marshal(forms)
	if err != nil {
		g.t.Fatal(err)
	}
	if g.cipher, err = pubnub.NewCipher([]pubnub.CipherKey{{ID: "q9", Key: []byte(cipher)}}, nil); err != nil {
		g.t.Fatal(err)
	}
	for _, bad := range []string{`[{"kind":"ticket","id":"1","value":"` + g.plant("notbase64 of Sieglinde") + `"}]`, g.plant("no JSON of Hadubrand"), `[{"kind":"` + g.plant("kind-of-Ekkehard") + `","id":"1","value":"x"}]`} {
		if out, err := g.command(bad, "keys", "import"); err == nil {
			g.t.Errorf("taken: %s", out)
		}
	}
	g.must(string(text), "keys", "import")
	g.eventually("the service is there again with its keys", func() bool {
		out, err := g.command("", "launch")
		return err == nil && strings.HasPrefix(out, "http")
	})
	g.eventually("lists are taken", func() bool {
		_, err := g.command(g.list(), "roster", "import", "-")
		return err == nil
	})
}

type soul struct{ appointment, patient, family, given, born, code, card string }

func souls() (list []soul) {
	families := []string{"Quillowmarsh", "Ñandúbaeza-Prim", "O'Brambletwist", "歐陽桂林子"}
	givens := []string{"Zanthippa", "Évangelíne", "Siobhánique", "司馬相如如"}
	for i := range families {
		list = append(list, soul{fmt.Sprintf("canary-appt-%d", i), fmt.Sprintf("MRN-CANARY-77%d", i), families[i], givens[i],
			fmt.Sprintf("19%02d-0%d-1%d", 31+3*i, 1+i, i), fmt.Sprintf("WREN%dTAGUS", i), fmt.Sprintf("04:a1:b2:c3:d4:e5:f%d", i)})
	}
	return list
}

func (g *garden) list() string {
	b := "appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,phone_last2,code,card\n"
	for _, s := range souls() {
		b += strings.Join([]string{g.plant(s.appointment), g.plant(s.patient), g.plant(s.family), g.plant(s.given), g.plant(s.born), "general", "dr-example",
			time.Now().Format(time.RFC3339), "42", g.plant(s.code), g.plant(s.card)}, ",") + "\n"
	}
	return b
}

// lists are wrong in every column, without keys, and in the watched folder.
func (g *garden) lists() {
	g.t.Helper()
	head := "appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language,phone_last2,code\n"
	start := time.Now().Format(time.RFC3339)
	bad := head + g.plant("bad id of Mirabelle") + ",MRN-1,X,Y,1960-01-01,general,," + start + ",,,,\n" +
		"b-1,MRN-2,X,Y," + g.plant("31 February 1944") + ",general,," + start + ",,,,\n" +
		"b-2,MRN-3,X,Y,1960-01-01," + g.plant("Mrs Placemark's ward") + ",," + start + ",,,,\n" +
		"b-3,MRN-4,X,Y,1960-01-01,general," + g.plant("Dr of Hildegard") + "," + start + ",,,,\n" +
		"b-4,MRN-5,X,Y,1960-01-01,general,," + g.plant("when Ottoline comes") + ",,,,\n" +
		"b-5,MRN-6,X,Y,1960-01-01,general,," + start + "," + g.plant("asleep says Mungo") + "," + g.plant("speaks Tamsinish") + "," + g.plant("+1 555 0142 399") + ",\n"
	g.write(filepath.Join("lists", g.plant("Patientfile-Wilhelmina")+".csv"), bad)
	g.write(filepath.Join("lists", "half.csv"), head+`b-9,"`+g.plant("Unbalancedquote Jonas"))
	for _, text := range []string{bad, g.plant("Headerline Esmeralda") + ",x\n1,2\n", "MSH|^~\\&|" + g.plant("Hl7sender Amadea") + "\rSCH|1\r", `{"resourceType":"` + g.plant("Fhirtype Ottokar") + `"}`} {
		_, _ = g.command(text, "roster", "import", "-")
		_, _ = g.command(text, "roster", "check", "-", "--json")
	}
}

func (g *garden) press(event string, more map[string]any) {
	ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
	defer cancel()
	_ = g.page.Press(ctx, event, more)
}

func (g *garden) until(states ...string) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
	defer cancel()
	if v, err := g.page.Until(ctx, states...); err != nil {
		g.t.Logf("page stands at %s, not %v: %v", v.State, states, err)
	}
}

// home takes the page back to its first screen.
func (g *garden) home() {
	for _, e := range []string{"leave", "close", "again", "done", "finish"} {
		g.press(e, nil)
	}
}

func (g *garden) toCode() {
	g.press("start", nil)
	g.press("choose", map[string]any{"language": "en"})
	g.press("ready", nil)
}

// visits check in by code and by name, and try what is wrong.
func (g *garden) visits() {
	g.t.Helper()
	var err error
	if g.page, err = webtest.Open(g.t.Context(), strings.TrimSpace(g.must("", "launch"))); err != nil {
		g.t.Fatal(err)
	}
	go g.page.Follow(g.t.Context())
	list := souls()
	byCode := func() error {
		g.toCode()
		return g.page.Press(g.t.Context(), "code", map[string]any{"code": list[0].code})
	}
	byName := func() error {
		g.toCode()
		for _, s := range []struct {
			event string
			more  map[string]any
		}{{"no-code", nil}, {"born", map[string]any{"birth": list[1].born}}, {"named", map[string]any{"family": list[1].family, "given": list[1].given}}} {
			if err := g.page.Press(g.t.Context(), s.event, s.more); err != nil {
				return err
			}
		}
		return nil
	}
	for i, show := range []func() error{byCode, byName} {
		ctx, cancel := context.WithTimeout(g.t.Context(), 30*time.Second)
		ticket, err := g.page.CheckIn(ctx, show, func(string) bool { return i == 0 })
		cancel()
		if err != nil || ticket == "" {
			g.t.Fatalf("visit %d: %q, %v\n%s", i, ticket, err, g.log())
		}
	}
	for _, code := range []string{g.plant("Typed Tobias 1939-12-30"), g.plant("TYPEDCODEROSALIND"), g.plant("<script>Hugo</script>"), g.plant("A very long code of Mr Wachtelmann")} {
		g.toCode()
		g.press("code", map[string]any{"code": code})
		g.until("identify", "refused", "attract")
		g.home()
	}
	g.toCode()
	g.press("no-code", nil)
	g.press("born", map[string]any{"birth": g.plant("1918-11-11")})
	g.press("named", map[string]any{"family": g.plant("Unknownfamily Xaver"), "given": g.plant("Kunigundis")})
	g.press("number", nil)
	g.home()
	g.press("start", nil)
	g.press("choose", map[string]any{"language": g.plant("language of Fenella")})
	g.press("decide", map[string]any{"form": g.plant("form of Leopoldine"), "shown": g.plant("shown to Casimir"), "granted": true})
	g.press("signed", map[string]any{"name": g.plant("Signed by Theophania")})
	g.press("help", map[string]any{"kind": g.plant("ill says Rosamund")})
	g.press("help", map[string]any{"kind": "ill"})
	g.press(g.plant("event Balthasar"), nil)
	g.home()
	for _, in := range []string{g.plant("Walkinia Doorstep") + "\n" + g.plant("1927-03-04") + "\n", g.plant("Wanda Walker") + "\n" + g.plant("fourth of March") + "\n"} {
		_, _ = g.command(in, "queue", "walk-in", "--department", "general", "--reason", "other", "--name", "--born")
	}
	_, _ = g.command("", "queue", "list", "--all")
}

// scans put under the scanner and on the reader what people put there.
func (g *garden) scans() {
	g.t.Helper()
	l := aamvatest.Marlow(10)
	l.Family, l.First, l.Middle, l.Birth = g.plant("LICENSEHOLDERSON"), g.plant("LICENTIA"), g.plant("MIDDLEMARK"), "1944-02-29"
	l.Number, l.Street, l.City = g.plant("D1234562TAGUS"), g.plant("1 LICENCE STREET"), g.plant("LICENCECITY")
	cut := string(l.Bytes())
	list := souls()
	for _, text := range []string{
		cut, cut[:len(cut)/2], list[2].code, g.plant("Mr Scannington born 1944-02-29"), "BEGIN:VCARD\nFN:" + g.plant("Vcardia Lopezmarker"),
		"https://clinic.example/?name=" + g.plant("Urlbert-Queryman"), strings.Repeat("x", 5000) + g.plant("Overlongina"), "\x80\xff" + g.plant("nonutf Clementine"),
		"APT1:" + g.plant("FORGEDQUINTUS"), "TKT1:" + g.plant("TICKETFORGERY"), "4929" + g.plant("123456781234"),
	} {
		_, _ = g.scanner.Write([]byte(text + "\r"))
		time.Sleep(100 * time.Millisecond)
		g.home()
	}
	g.toCode()
	g.reader.Place(simulator.NewCard([]byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF3}))
	g.until("birth", "refused")
	g.press("born", map[string]any{"birth": list[3].born})
	g.until("confirm", "refused", "identify")
	g.home()
	g.toCode()
	g.reader.Place(simulator.NewTextTag([]byte{0x04, 9, 9, 9, 9, 9, 9}, g.plant("Tagged Hieronyma")))
	g.until("refused", "identify")
	g.home()
}

// mqtt lets devices say what they may not.
func (g *garden) mqtt() {
	g.t.Helper()
	const own = "clinic/main/lobby-1/vitals/cuff-1/"
	field := func(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
	packet := func(kind byte, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append(binary.AppendUvarint([]byte{kind}, uint64(len(body))), body...)
	}
	// say logs in, publishes, and waits for an answer or the end of the connection.
	say := func(id, user, password, will, topic, payload string) {
		conn, err := net.DialTimeout("tcp", g.at["mqtt"], 5*time.Second)
		if err != nil {
			g.t.Fatal(err)
		}
		defer conn.Close()
		flags, more := byte(2), []byte{}
		if will != "" {
			flags |= 4
			more = append(append(more, field(own+"state")...), field(will)...)
		}
		if user != "" {
			flags |= 0xC0
			more = append(append(more, field(user)...), field(password)...)
		}
		_, _ = conn.Write(packet(0x10, field("MQTT"), []byte{4, flags, 0, 30}, field(id), more))
		_, _ = conn.Write(packet(0x32, field(topic), []byte{0, 1}, []byte(payload)))
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, _ = io.Copy(io.Discard, conn)
	}
	say("cuff-1", "", "", "", own+"state", `{"v":1,"state":"ready","reason":"`+g.plant("for Mrs Mqttilda")+`"}`)
	say("cuff-1", "", "", "", own+"event", `{"v":1,"id":"`+g.plant("not-a-uuid-Gwendolyn")+`","kind":"weight","value":71.5}`)
	say("cuff-1", "", "", "", own+"event", `{"v":1,"id":"0198c1b4-0000-7000-8000-000000000001","ts":"2026-11-22T09:00:00Z","session":"`+g.plant("session of Agathe")+`","kind":"weight","value":`+g.plant("71.48863")+`,"unit":"kg","patient":"`+g.plant("Extramember Ignatius")+`"}`)
	say("cuff-1", "", "", "", own+"event", g.plant("no JSON at all Philomena"))
	say("cuff-1", g.plant("mqttuser-Roswitha"), g.plant("mqttword-Roswitha"), g.plant("last will of Adelgunde"), own+"state", `{"v":1,"state":"ready"}`)
	say(g.plant("client-of-Isolde"), "", "", "", own+"event", `{"v":1}`)
	say("cuff-1", "", "", "", "clinic/main/lobby-1/"+g.plant("topic of Valentina")+"/cuff-1/event", "{}")
	say("cuff-1", "", "", "", g.plant("Topicus Merriweather"), "{}")
}

// strangers say on PubNub what they may not, sealed with the clinic's key and not.
func (g *garden) strangers() {
	g.t.Helper()
	for _, m := range []struct{ channel, by, text string }{
		{"queue.general", "dr-example", `{"action":"CALLED","queueEntryId":"` + g.plant("no entry of Thaddeus") + `","ticket":"A-001","room":"` + g.plant("Room of Mr Foreignroom") + `","calledBy":"dr-example","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.general", "dr-example", `{"action":"` + g.plant("UNKNOWN-ACT-MINERVA") + `","timestamp":"2026-01-01T00:00:00Z"}`},
		{"queue.general", g.plant("user-Hortense"), `{"action":"CALLED","calledBy":"` + g.plant("by Nurse Ermintrude") + `"}`},
		{"queue.general", "dr-example", `{"action":"PROVIDER_STATUS","providerId":"dr-example","status":"away","room":"` + g.plant("home with Seraphina") + `","timestamp":"2026-01-01T00:00:00Z"}`},
		{"emergency.general", "dr-example", `{"action":"EMERGENCY_ESCALATION","type":"EMERGENCY_ESCALATION","id":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11","escalatedBy":"dr-example","severity":"critical","reason":"` + g.plant("Mr Collapsington fell") + `","status":"active","timestamp":"2026-01-01T00:00:00Z"}`},
		{"consent.riverside", "dr-example", `{"type":"CONSENT_RECORDED","record":{"patientId":"` + g.plant("consent of Zebedee") + `"}}`},
		{"roster.general", "dr-example", `{"type":"ROSTER","day":"2026-01-01","rows":[{"familyName":"` + g.plant("Rostra Fakeham") + `"}]}`},
		{"kiosk.lobby-1", "dr-example", `{"type":"COMMAND","name":"` + g.plant("restart Cornelius") + `"}`},
		{"queue.general", "dr-example", g.plant("signed by Anastasius")},
	} {
		sealed, err := g.cipher.Encrypt([]byte(m.text))
		if err != nil {
			g.t.Fatal(err)
		}
		wrapped, err := json.Marshal(sealed)
		if err != nil {
			g.t.Fatal(err)
		}
		g.pubnub.InjectRaw(m.channel, wrapped, m.by)
		clear, err := json.Marshal(m.text)
		if err != nil {
			g.t.Fatal(err)
		}
		g.pubnub.InjectRaw(m.channel, clear, m.by)
	}
	g.pubnub.InjectRaw("presence.providers.general-pnpres", []byte(`{"action":"state-change","uuid":"dr-example","timestamp":1700000000,"occupancy":1,"data":{"status":"`+g.plant("busy with Evadne")+`"}}`), "dr-example")
	g.eventually("a stranger is refused", func() bool { return bytes.Contains(g.log(), []byte("component=gateway msg=\"message was")) })
}

// desk sets and tries PINs and pairing codes.
func (g *garden) desk() {
	g.t.Helper()
	g.must(g.plant("73018429")+"\n", "desk", "pin", "ana")
	_, _ = g.command(g.plant("123456")+"\n", "desk", "pin", "ana")
	var pairing struct{ Data struct{ Code string } }
	if err := json.Unmarshal([]byte(g.must("", "desk", "pair", "--json")), &pairing); err != nil {
		g.t.Fatal(err)
	}
	code := g.plant(pairing.Data.Code)
	jar, err := cookiejar.New(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	said := map[string]int{}
	for _, m := range []struct{ path, body string }{
		{"/pair", `{"code":"` + g.plant("WRONGPAIRCODE") + `"}`}, {"/pair", `{"code":"` + code + `"}`},
		{"/login", `{"staff":"` + g.plant("stranger-Friedegund") + `","pin":"73018429"}`}, {"/login", `{"staff":"ana","pin":"` + g.plant("90417355") + `"}`},
		{"/login", `{"staff":"ana","pin":"73018429"}`}, {"/act", `{"event":"` + g.plant("call for Mechthild") + `"}`}, {"/?q=" + url.QueryEscape(g.plant("Deskquery Luitgard")), "x"},
	} {
		base := "https://" + strings.TrimSuffix(strings.TrimPrefix(g.at["desk"], "https://"), "/")
		r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, base+m.path, strings.NewReader(m.body))
		if err != nil {
			g.t.Fatal(err)
		}
		for k, v := range map[string]string{"Content-Type": "application/json", "Clinicgate-Page": "1", "Origin": base, "Sec-Fetch-Site": "same-origin", "User-Agent": g.plant("Deskagentin/2.0")} {
			r.Header.Set(k, v)
		}
		resp, err := browser.Do(r)
		if err != nil {
			g.t.Fatal(err)
		}
		_, _ = io.Copy(&g.screen, resp.Body)
		_ = resp.Body.Close()
		said[fmt.Sprint(m.path, " ", resp.StatusCode)]++
	}
	if said["/pair 200"] != 1 || said["/login 200"] != 1 || said["/login 403"] != 2 {
		g.t.Errorf("the desk answered %v", said)
	}
	_, _ = g.command("", "desk", "browsers")
}

// knocks says to every listener what no client of ours would.
func (g *garden) knocks() {
	g.t.Helper()
	header, agent, query, path, body := g.plant("Headrick Valuemark"), g.plant("Agentina/1.0"), g.plant("Queryella Strand"), g.plant("Pathrick Slashby"), g.plant("Jsonia Bracewell")
	cookie, host := g.plant("Cookiethea"), g.plant("hostilia.example")
	ask := func(base, method, target string) {
		r, err := http.NewRequestWithContext(g.t.Context(), method, base+target, strings.NewReader(`{"unknown":"`+body+`"`))
		if err != nil {
			g.t.Fatal(err)
		}
		r.Header.Set("X-Patient", header)
		r.Header.Set("User-Agent", agent)
		r.Header.Set("Referer", "https://"+host+"/"+url.PathEscape(query))
		r.Header.Set("Cookie", "session="+cookie)
		r.Header.Set("Authorization", "Bearer "+g.plant("Bearerbert0815"))
		for _, h := range []string{"", host} {
			r.Host = h
			if resp, err := http.DefaultClient.Do(r.Clone(g.t.Context())); err == nil {
				_, _ = io.Copy(&g.screen, resp.Body)
				_ = resp.Body.Close()
			}
		}
	}
	desk, err := url.Parse(g.at["desk"])
	if err != nil {
		g.t.Fatal(err)
	}
	for _, base := range []string{"http://" + g.at["page"], "http://" + g.at["metrics"], "http://" + desk.Host} {
		for _, method := range []string{http.MethodGet, http.MethodPost, "BREW"} {
			for _, target := range []string{"/?name=" + url.QueryEscape(query), "/" + url.PathEscape(path), "/act", "/launch?token=" + g.plant("launchtoken-Eulalia"), "/metrics?x=" + url.QueryEscape(query), "/health"} {
				ask(base, method, target)
			}
		}
	}
	for _, addr := range []string{g.at["page"], g.at["metrics"], desk.Host} { // no HTTP at all
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			g.t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/9.9\r\n%s: \x00\r\n\r\n", header, g.plant("Brokenheader-Notburga"))
		_ = conn.Close()
	}
}

// moods makes PubNub and the token's file fail, so that errors are written too.
func (g *garden) moods() {
	g.t.Helper()
	echo := g.plant("Echo of Mrs Serverine")
	for _, f := range []emulator.Rule{ // the refused token last: for a minute after it nothing is asked
		{Action: emulator.Answer, Status: 503, Body: echo}, {Action: emulator.Garbage}, {Action: emulator.Truncate},
		{Action: emulator.Answer, Status: 400, Kind: emulator.Publish, Body: `[0,"` + echo + `","17000000000000000"]`},
		{Action: emulator.Answer, Status: 403, Body: `{"message":"Forbidden for ` + echo + `","error":true,"service":"Access Manager","status":403}`},
	} {
		f.Count = 6
		armed := g.pubnub.Faults().Add(f)
		_, _ = g.command("", "provider", "set", "dr-example", "away")
		_, _ = g.command("", "provider", "set", "dr-example", "available")
		g.eventually(fmt.Sprintf("the gateway meets %+v", f), func() bool { return armed.Hits() > 0 })
		time.Sleep(300 * time.Millisecond)
		g.pubnub.Faults().Clear()
	}
	g.write("token", g.plant("spoiled-token-of-Walpurga-0815"))
	time.Sleep(2500 * time.Millisecond) // the file is looked at every two seconds
}

// search looks for all of it, in every form.
func (g *garden) search() {
	g.t.Helper()
	if _, ok := g.proxied.Load("Basic " + base64.StdEncoding.EncodeToString([]byte("kiosk:Proxyword-Gundula"))); !ok {
		g.t.Error("the proxy was not told the password: the test does not plant what it thinks")
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"sync", "status"}, {"sync", "status", "--json"}, {"devices", "list"}, {"devices", "list", "--json"}, {"queue", "list", "--all"},
		{"queue", "list", "--all", "--json"}, {"queue", "alarms"}, {"roster", "held"}, {"roster", "held", "--json"}, {"keys", "list"}, {"keys", "list", "--json"}, {"audit", "verify"}, {"audit", "list"},
		{"audit", "list", "--json"}, {"store", "check"}, {"log", "tail", "-n", "500"}, {"log", "tail", "-n", "500", "--json"}, {"doctor"}, {"doctor", "--json"}, {"version"}} {
		_, _ = g.command("", args...)
	}
	if out := g.must("", "status"); !strings.Contains(out, "open") {
		g.t.Errorf("status: %s", out)
	}
	var exposed bytes.Buffer
	for _, path := range []string{"/metrics", "/health"} {
		resp, err := http.Get("http://" + g.at["metrics"] + path)
		if err != nil {
			g.t.Fatal(err)
		}
		_, _ = io.Copy(&exposed, resp.Body)
		_ = resp.Body.Close()
	}
	if !bytes.Contains(exposed.Bytes(), []byte(`clinicgate_checkins_total{outcome="checked-in"} 2`)) {
		g.t.Error("the metrics do not have two check-ins")
	}
	places := map[string][]byte{"metrics and health": exposed.Bytes(), "bundle": g.bundle("up", "--profiles")}
	_ = g.process.Process.Signal(os.Interrupt)
	if err := g.process.Wait(); err != nil {
		g.t.Errorf("stop: %v", err)
	}
	places["bundle without the service"] = g.bundle("down")
	places["log"], places["screen"] = g.log(), g.screen.Bytes()
	if !bytes.Contains(places["log"], []byte("level=DEBUG")) || !bytes.Contains(places["bundle"], []byte("level=DEBUG")) {
		g.t.Error("the log is not at level debug")
	}
	if len(g.planted) < 50 {
		g.t.Fatalf("%d canaries, want 50 at least", len(g.planted))
	}
	for place, text := range places {
		found := 0
		for _, canary := range g.planted {
			if form, around, ok := seek(text, canary); ok {
				g.t.Errorf("%s: %q as %s: %q", place, canary, form, around)
				found++
			}
		}
		g.t.Logf("%s: %d bytes, %d canaries, %d found", place, len(text), len(g.planted), found)
	}
}

// bundle makes one and gives everything in it.
func (g *garden) bundle(name string, args ...string) (all []byte) {
	g.t.Helper()
	folder := filepath.Join(g.t.TempDir(), name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		g.t.Fatal(err)
	}
	if out, err := g.command("", append([]string{"bundle", "--out", folder}, args...)...); err != nil {
		g.t.Errorf("bundle: %v\n%s", err, out)
		return nil
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.zip"))
	if err != nil || len(files) != 1 {
		g.t.Fatalf("bundles: %q, %v", files, err)
	}
	z, err := zip.OpenReader(files[0])
	if err != nil {
		g.t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			g.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || len(text) == 0 {
			g.t.Errorf("%s: %d bytes, %v", f.Name, len(text), err)
		}
		all = append(append(all, text...), '\n')
	}
	return all
}

// seek looks for a text in each form that it could have.
func seek(hay []byte, canary string) (form string, around []byte, found bool) {
	folded := bytes.ToLower(hay)
	quoted, _ := json.Marshal(canary)
	forms := map[string][]byte{
		"plain": []byte(strings.ToLower(canary)), "JSON": bytes.ToLower(bytes.Trim(quoted, `"`)), "query": []byte(strings.ToLower(url.QueryEscape(canary))),
		"path": []byte(strings.ToLower(url.PathEscape(canary))), "Go": []byte(strings.ToLower(strings.Trim(fmt.Sprintf("%+q", canary), `"`))),
	}
	exact := map[string][]byte{}
	for _, v := range []string{canary, strings.ToLower(canary), strings.ToUpper(canary)} {
		forms["hex of "+v] = []byte(hex.EncodeToString([]byte(v)))
		var little, big []byte
		for _, u := range utf16.Encode([]rune(v)) {
			little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
		}
		exact["UTF-16LE of "+v], exact["UTF-16BE of "+v] = little, big
		for shift := range 3 {
			padded := append(make([]byte, shift), v...)
			from, to := (8*shift+5)/6, 8*len(padded)/6
			exact[fmt.Sprint("base64 of ", v, shift)] = []byte(base64.RawStdEncoding.EncodeToString(padded)[from:to])
			exact[fmt.Sprint("base64url of ", v, shift)] = []byte(base64.RawURLEncoding.EncodeToString(padded)[from:to])
		}
	}
	for name, f := range forms {
		if i := bytes.Index(folded, f); i >= 0 {
			return name, hay[max(0, i-100):min(len(hay), i+len(f)+40)], true
		}
	}
	for name, f := range exact {
		if i := bytes.Index(hay, f); i >= 0 {
			return name, hay[max(0, i-100):min(len(hay), i+len(f)+40)], true
		}
	}
	return "", nil, false
}

// A search that finds nothing proves something only if it can find.
func TestSeekFindsWhatIsThere(t *testing.T) {
	const canary = "Quillow-Ñandú 1931"
	for _, hay := range []string{canary, strings.ToUpper(canary), url.QueryEscape(canary), fmt.Sprintf("%x", canary), base64.StdEncoding.EncodeToString([]byte("ab" + canary + "c")), fmt.Sprintf("%+q", canary)} {
		if _, _, found := seek([]byte("before "+hay+" behind"), canary); !found {
			t.Errorf("not found in %q", hay)
		}
	}
	if _, _, found := seek([]byte("Quillow-Ñandú 1932"), canary); found {
		t.Error("found what is not there")
	}
}

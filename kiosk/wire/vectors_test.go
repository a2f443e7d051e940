package wire_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/gowebpki/jcs"
)

// vectors is the file that readers in other languages check themselves with.
type vectors struct {
	About     string            `json:"about"`
	Keys      []vectorKey       `json:"keys"`
	Canonical []vectorCanonical `json:"canonical"`
	Malformed []string          `json:"malformed"` // JSON texts without a canonical form
	Accept    []vector          `json:"accept"`
	Refuse    []vector          `json:"refuse"`
	Inbox     vectorInbox       `json:"inbox"`
}

type vectorKey struct {
	Kiosk     string `json:"kiosk"`
	PublicKey string `json:"publicKey"`       // base64
	Kid       string `json:"kid"`             // derived from the key
	From      string `json:"from,omitempty"`  // timetoken
	Until     string `json:"until,omitempty"` // timetoken
}

type vectorCanonical struct {
	Text      string `json:"text"`
	Canonical string `json:"canonical"`
}

// vector is one decrypted message and what a reader makes of it.
type vector struct {
	Name      string        `json:"name"`
	Channel   string        `json:"channel"`
	Timetoken string        `json:"timetoken,omitempty"`
	Text      string        `json:"text"`
	Events    []vectorEvent `json:"events,omitempty"`
}

type vectorEvent struct {
	Kiosk string          `json:"kiosk"`
	Inc   uint32          `json:"inc"`
	Seq   uint64          `json:"seq"`
	ID    string          `json:"id"`
	HLC   string          `json:"hlc"`
	Body  json.RawMessage `json:"body"` // without gw
}

// vectorInbox is what comes of messages that arrive in this order.
type vectorInbox struct {
	Messages  []string `json:"messages"`
	Kiosk     string   `json:"kiosk"`
	Channel   string   `json:"channel"`
	Order     []string `json:"order"` // ids
	Conflicts int      `json:"conflicts"`
}

const vectorsFile = "../../packaging/consumer/vectors.json"

// resign signs what a kiosk of ours would never send. It makes the signed text
// by itself, as the published description has it.
func resign(t testing.TB, key ed25519.PrivateKey, channel, text string, change func(message, gw map[string]any)) string {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	gw := m["gw"].(map[string]any)
	delete(gw, "sig")
	change(m, gw)
	canonical := func() []byte {
		plain, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err = jcs.Transform(plain); err != nil {
			t.Fatal(err)
		}
		return plain
	}
	gw["sig"] = ed25519.Sign(key, append([]byte("clinicgate/1\n"+channel+"\n"), canonical()...))
	return string(canonical())
}

func makeVectors(t testing.TB) vectors {
	t.Helper()
	lobby, lobbyKey := signer(t, "lobby-1")
	east, eastKey := signer(t, "east-2")
	retired, retiredKey := signer(t, "retired")
	retired.Kiosk = "lobby-1"
	stranger, _ := signer(t, "stranger")
	stranger.Kiosk = "lobby-1"
	impostor := wire.Signer{Kiosk: "lobby-1", Key: east.Key}

	message := func(s wire.Signer, r storage.Record) string {
		text, err := s.Message(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	batch := func(compress bool, records ...storage.Record) string {
		text, n, err := lobby.Batch(records, compress)
		if err != nil || n != len(records) {
			t.Fatalf("Batch took %d of %d: %v", n, len(records), err)
		}
		return string(text)
	}
	strange := record(1043, `{"zeta":{"gw":"not this one"},"€":"Euro","\r":"CR","𠮷":"rare Han","ﬁ":"ligature","😀":"emoji","1":"one","Ö":"umlaut",
		"list":[1,"}]{[\"",null,true,false,[],{}],"text":"\u0000\u001f\u007f\u2028 \\ \" / é é"}`)
	numbers := record(1044, `{"numbers":[0,-0,1,-1.5e-3,1e21,1e-7,123456789012345680000,0.000001,9007199254740991,333333333.33333329,4.35,5e-324,1.7976931348623157e308]}`)
	unsynced := record(1045, bodies[0])
	unsynced.Synced = false
	older := record(9000, bodies[3])
	older.Inc = 2
	twin := record(1042, bodies[1]) // the id of another event

	measured, err := os.ReadFile(filepath.FromSlash("../testdata/vitals_pressure.json"))
	if err != nil {
		t.Fatal(err)
	}
	pressure := record(1, string(measured))
	pressure.Channel = "device.lobby-1"

	single := message(lobby, record(1042, bodies[0]))
	plain := batch(false, record(1042, bodies[0]), record(1043, bodies[2]))
	packed := batch(true, record(1042, bodies[0]), record(1043, bodies[1]), record(1044, bodies[2]))
	spaced := new(bytes.Buffer)
	if err := json.Indent(spaced, []byte(single), "", "\t"); err != nil {
		t.Fatal(err)
	}
	altered := func(text, old, replacement string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%s does not hold %s", text, old)
		}
		return strings.Replace(text, old, replacement, 1)
	}
	key := func(kiosk string, pub ed25519.PublicKey, from, until string) vectorKey {
		return vectorKey{kiosk, base64.StdEncoding.EncodeToString(pub), wire.KeyID(pub), from, until}
	}
	v := vectors{
		About:     "made by kiosk/wire; every text is a message after decryption; all people and events are made up",
		Keys:      []vectorKey{key("lobby-1", lobbyKey, "", ""), key("east-2", eastKey, "", ""), key("lobby-1", retiredKey, "17940000000000000", "17950000000000000")},
		Malformed: []string{`{"a":1e400}`, `{"a":"\ud800"}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)},
		Accept: []vector{
			{Name: "one event", Channel: channel, Text: single},
			{Name: "one event, spelled with spaces", Channel: channel, Text: spaced.String()},
			{Name: "unusual names and strings", Channel: channel, Text: message(lobby, strange)},
			{Name: "numbers", Channel: channel, Text: message(lobby, numbers)},
			{Name: "made before the clock was trusted", Channel: channel, Text: message(lobby, unsynced)},
			{Name: "another kiosk on the same channel", Channel: channel, Text: message(east, record(1042, bodies[3]))},
			{Name: "batch", Channel: channel, Text: plain},
			{Name: "batch of one", Channel: channel, Text: batch(false, record(7, bodies[0]))},
			{Name: "batch, gzip", Channel: channel, Text: packed},
			{Name: "a patient's blood pressure, FHIR", Channel: pressure.Channel, Text: message(lobby, pressure)},
			{Name: "key at the end of its time", Channel: channel, Timetoken: "17950000000000000", Text: message(retired, record(5, bodies[0]))},
		},
		Refuse: []vector{
			{Name: "another channel", Channel: "queue.oncology", Text: single},
			{Name: "stream changed with the channel", Channel: "queue.oncology", Text: altered(single, `"stream":"queue.cardiology"`, `"stream":"queue.oncology"`)},
			{Name: "a changed value", Channel: channel, Text: altered(single, `"waiting"`, `"no-show"`)},
			{Name: "an added member", Channel: channel, Text: altered(single, `{"action"`, `{"aaa":1,"action"`)},
			{Name: "another place", Channel: channel, Text: altered(single, `"seq":1042`, `"seq":1043`)},
			{Name: "synced claimed", Channel: channel, Text: altered(message(lobby, unsynced), `"synced":false`, `"synced":true`)},
			{Name: "a signature of other text", Channel: channel, Text: swapSignature(t, single, plain)},
			{Name: "no signature", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(m, gw map[string]any) { m["gw"] = map[string]any{"v": 1, "stream": channel} })},
			{Name: "no gw", Channel: channel, Text: bodies[0]},
			{Name: "gw of version 2", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(_, gw map[string]any) { gw["v"] = 2 })},
			{Name: "a key that nobody listed", Channel: channel, Text: message(stranger, record(1042, bodies[0]))},
			{Name: "another kiosk's key", Channel: channel, Text: message(impostor, record(1042, bodies[0]))},
			{Name: "signed for this channel, and says another", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(_, gw map[string]any) { gw["stream"] = "queue.oncology" })},
			{Name: "place of zero", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(_, gw map[string]any) { gw["seq"] = 0 })},
			{Name: "place past 2^53", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(_, gw map[string]any) { gw["seq"] = json.Number("9007199254740992") })},
			{Name: "an id that is no UUID", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(_, gw map[string]any) { gw["id"] = "1042" })},
			{Name: "key before its time", Channel: channel, Timetoken: "17939999999999999", Text: message(retired, record(5, bodies[0]))},
			{Name: "key after its time", Channel: channel, Timetoken: "17950000000000001", Text: message(retired, record(5, bodies[0]))},
			{Name: "batch with a changed event", Channel: channel, Text: altered(plain, `"waiting"`, `"no-show"`)},
			{Name: "batch without its last event", Channel: channel, Text: resign(t, lobby.Key, channel, plain, func(m, _ map[string]any) { m["events"] = m["events"].([]any)[:1] })},
			{Name: "batch with a hole", Channel: channel, Text: resign(t, lobby.Key, channel, plain, func(m, _ map[string]any) {
				list := m["events"].([]any)
				m["events"] = []any{list[0], list[0]}
			})},
			{Name: "batch of another action", Channel: channel, Text: resign(t, lobby.Key, channel, plain, func(m, _ map[string]any) { m["action"] = "STATUS_UPDATED" })},
			{Name: "batch of an unknown encoding", Channel: channel, Text: resign(t, lobby.Key, channel, plain, func(m, _ map[string]any) { m["encoding"] = "br" })},
			{Name: "batch with other data", Channel: channel, Text: resign(t, lobby.Key, channel, packed, func(m, _ map[string]any) { m["data"] = pack(t, []byte(`[{"gw":{}}]`)) })},
			{Name: "batch that inflates to 2 MiB", Channel: channel, Text: resign(t, lobby.Key, channel, plain, func(m, _ map[string]any) {
				events, err := json.Marshal(m["events"])
				if err != nil {
					t.Fatal(err)
				}
				delete(m, "events")
				m["encoding"], m["data"] = "gzip", pack(t, append(bytes.Repeat([]byte(" "), 2<<20), events...))
			})},
			{Name: "nested 100 deep", Channel: channel, Text: resign(t, lobby.Key, channel, single, func(m, _ map[string]any) {
				var deep any
				for range 100 {
					deep = []any{deep}
				}
				m["deep"] = deep
			})},
		},
		Inbox: vectorInbox{Kiosk: "lobby-1", Channel: channel, Conflicts: 1, Messages: []string{
			packed, message(lobby, record(1043, bodies[1])), message(lobby, record(1041, bodies[3])), message(lobby, older), packed, message(lobby, twin),
		}},
	}
	for _, r := range []storage.Record{older, record(1041, bodies[3]), record(1042, bodies[0]), record(1043, bodies[1]), record(1044, bodies[2])} {
		v.Inbox.Order = append(v.Inbox.Order, r.ID.String())
	}
	for _, text := range []string{string(strange.Body), string(numbers.Body), `{"b":[1.0,10e1],"a":{"z":null,"Z":"\u0041\/"}}`, `{}`, `[]`} {
		canonical, err := jcs.Transform([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		v.Canonical = append(v.Canonical, vectorCanonical{text, string(canonical)})
	}
	for i := range v.Accept {
		env, err := wire.Parse([]byte(v.Accept[i].Text))
		if err != nil {
			t.Fatalf("%s: %v", v.Accept[i].Name, err)
		}
		for _, e := range env.Events {
			v.Accept[i].Events = append(v.Accept[i].Events, vectorEvent{e.GW.Kiosk, e.GW.Inc, e.GW.Seq, e.GW.ID.String(), e.GW.HLC.String(), e.Shape()})
		}
	}
	return v
}

// swapSignature puts the signature of one message into another.
func swapSignature(t testing.TB, to, from string) string {
	t.Helper()
	sig := func(text string) string {
		env, err := wire.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(env.GW.Sig)
	}
	return strings.Replace(to, sig(to), sig(from), 1)
}

func pack(t testing.TB, raw []byte) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// TestVectors keeps the reference consumer's vectors true: they are what this
// package makes, and it judges each of them as they say. UPDATE_GOLDEN=1 writes
// them anew. Texts that hold gzip may differ in bytes where another compiler's
// library packs differently; then what is in the file must still mean the same.
func TestVectors(t *testing.T) {
	made := makeVectors(t)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(made); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.FromSlash(vectorsFile), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(filepath.FromSlash(vectorsFile))
	if err != nil {
		t.Fatal(err)
	}
	var kept vectors
	if err := json.Unmarshal(file, &kept); err != nil {
		t.Fatal(err)
	}
	keys := map[string]vectorKey{}
	for _, k := range kept.Keys {
		keys[k.Kid] = k
	}
	judge := func(v vector) ([]wire.Event, error) {
		env, err := wire.Parse([]byte(v.Text))
		if err != nil {
			return nil, err
		}
		k, ok := keys[env.GW.KeyID]
		if !ok || k.Kiosk != env.GW.Kiosk {
			return nil, wire.ErrSignature
		}
		if v.Timetoken != "" && (v.Timetoken < k.From || v.Timetoken > k.Until) { // equally long
			return nil, wire.ErrSignature
		}
		pub, err := base64.StdEncoding.DecodeString(k.PublicKey)
		if err != nil {
			return nil, err
		}
		return env.Events, env.Verify(v.Channel, pub)
	}
	for _, v := range kept.Accept {
		events, err := judge(v)
		if err != nil || len(events) != len(v.Events) {
			t.Errorf("%s: %d events, %v", v.Name, len(events), err)
			continue
		}
		for i, e := range events {
			if w := v.Events[i]; w.ID != e.GW.ID.String() || w.Seq != e.GW.Seq || w.Inc != e.GW.Inc || w.HLC != e.GW.HLC.String() || !sameJSON(w.Body, e.Shape()) {
				t.Errorf("%s: event %d is %+v %s, the file says %+v", v.Name, i, e.GW, e.Shape(), w)
			}
		}
	}
	for _, text := range kept.Malformed {
		if _, err := wire.Parse([]byte(text)); err == nil {
			t.Errorf("%.40s: parsed", text)
		}
	}
	for _, v := range kept.Refuse {
		if _, err := judge(v); err == nil {
			t.Errorf("%s: accepted", v.Name)
		}
	}
	if got, want := withoutGzip(t, made), withoutGzip(t, kept); got != want {
		t.Errorf("%s is not what this package makes; UPDATE_GOLDEN=1 writes it anew\n got %s\nwant %s", vectorsFile, got, want)
	}
}

func sameJSON(a, b []byte) bool {
	x, err1 := jcs.Transform(a)
	y, err2 := jcs.Transform(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// withoutGzip gives the vectors as text, with the packed messages left out.
func withoutGzip(t testing.TB, v vectors) string {
	t.Helper()
	packed := func(text string) bool { return strings.Contains(text, `"data":"`) }
	v.Accept, v.Refuse, v.Inbox.Messages = slices.Clone(v.Accept), slices.Clone(v.Refuse), slices.Clone(v.Inbox.Messages)
	for _, list := range [][]vector{v.Accept, v.Refuse} {
		for i := range list {
			if packed(list[i].Text) {
				list[i].Text = "gzip"
			}
		}
	}
	for i, text := range v.Inbox.Messages {
		if packed(text) {
			v.Inbox.Messages[i] = "gzip"
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package downlink

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// registry lists keys: by kiosk, believed from 100 to 900 where old is set.
type registry map[string]struct {
	key ed25519.PrivateKey
	old bool
}

func (r registry) SigningKey(kioskID, kid string) (ed25519.PublicKey, uint64, uint64, bool) {
	k, ok := r[kioskID]
	if !ok {
		return nil, 0, 0, false
	}
	pub := k.key.Public().(ed25519.PublicKey)
	if wire.KeyID(pub) != kid {
		return nil, 0, 0, false
	}
	if k.old {
		return pub, 100, 900, true
	}
	return pub, 0, 0, true
}

// staff lists providers' departments.
type staff map[kiosk.ProviderID]kiosk.DepartmentID

func (s staff) ProviderIn(id kiosk.ProviderID, d kiosk.DepartmentID) bool { return s[id] == d }

func key(seed string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte(seed), 32)[:32])
}

// made is a record of a kiosk.
func made(t testing.TB, channel string, seq uint64, body string) storage.Record {
	t.Helper()
	canonical, err := jcs.Transform([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return storage.Record{
		Event: storage.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, channel, seq, body)), Channel: channel, Body: canonical},
		Inc:   1, Seq: seq, HLC: storage.HLC(1<<40 + seq), Boot: uuid.NewSHA1(uuid.Nil, []byte("boot")), Synced: true,
	}
}

const (
	entry      = `"queueEntryId":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a11"`
	statusBody = `{"action":"STATUS_UPDATED",` + entry + `,"newStatus":"waiting","updatedBy":"%s","timestamp":"2026-11-22T09:00:00Z"}`
	calledBody = `{"action":"CALLED",` + entry + `,"ticket":"A-001","room":"Room 4","calledBy":"%s","timestamp":"2026-11-22T09:00:00Z"}`
	availBody  = `{"action":"PROVIDER_STATUS","providerId":"%s","status":"available","room":"","timestamp":"2026-11-22T09:00:00Z"}`
	helpBody   = `{"action":"EMERGENCY_ESCALATION","id":"8f14e45f-ceea-467f-9b36-0d6e3f7c1a12","escalatedBy":"%s","updatedBy":"%s","status":"%s"}`
	beatBody   = `{"type":"HEARTBEAT","timestamp":"2026-11-22T09:00:00Z"}`
	orderBody  = `{"type":"COMMAND","name":"restart","nonce":"n"}`
)

func TestWhoIsBelieved(t *testing.T) {
	keys := registry{
		"lobby-1": {key: key("a")}, "lobby-2": {key: key("b")}, "old-1": {key: key("o"), old: true}, Authority: {key: key("z")},
	}
	people := staff{"dr-vega": "cardiology", "dr-okafor": "radiology"}
	const queueChannel = "queue.cardiology"
	signed := func(kioskID string, signer ed25519.PrivateKey, on string, bodies ...string) []byte {
		var run []storage.Record
		for i, b := range bodies {
			run = append(run, made(t, on, uint64(i+1), b))
		}
		s := wire.Signer{Kiosk: kioskID, Key: signer}
		text, err := s.Message(run[0])
		if len(run) > 1 {
			text, _, err = s.Batch(run, false)
		}
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	by := func(kioskID, on string, bodies ...string) []byte {
		return signed(kioskID, keys[kioskID].key, on, bodies...)
	}
	status := fmt.Sprintf(statusBody, "staff:ana")
	tests := []struct {
		name      string
		channel   string
		text      []byte
		publisher string
		timetoken uint64
		off       bool // sync.unsigned = "off"
		want      Refusal
		own       bool
		events    int // 0: one
	}{
		{name: "a listed kiosk", text: by("lobby-1", queueChannel, status)},
		{name: "the authority", text: by(Authority, queueChannel, status)},
		{name: "this kiosk come back", text: by("lobby-2", queueChannel, status), own: true},
		{name: "a batch", text: by("lobby-1", queueChannel, status, fmt.Sprintf(calledBody, "staff:ana")), events: 2},
		{name: "a batch that hides what may not be said here", text: by("lobby-1", queueChannel, status, beatBody), want: RefusedKind},
		{name: "an unlisted kiosk", text: signed("lobby-9", key("x"), queueChannel, status), want: RefusedSigner},
		{name: "a key of nobody in a listed kiosk's name", text: signed("lobby-1", key("x"), queueChannel, status), want: RefusedSigner},
		{name: "another kiosk's key in a listed kiosk's name", text: signed("lobby-1", key("b"), queueChannel, status), want: RefusedSigner},
		{name: "a changed byte", text: bytes.Replace(by("lobby-1", queueChannel, status), []byte("waiting"), []byte("no-show"), 1), want: RefusedSignature},
		{name: "taken from another channel", channel: "queue.radiology", text: by("lobby-1", queueChannel, status), want: RefusedSignature},
		{name: "within the key's time", text: by("old-1", queueChannel, status), timetoken: 900},
		{name: "before the key's time", text: by("old-1", queueChannel, status), timetoken: 99, want: RefusedExpired},
		{name: "after the key's time", text: by("old-1", queueChannel, status), timetoken: 901, want: RefusedExpired},
		{name: "a command of the authority", channel: "kiosk.lobby-2", text: by(Authority, "kiosk.lobby-2", orderBody)},
		{name: "a command of a kiosk", channel: "kiosk.lobby-2", text: by("lobby-1", "kiosk.lobby-2", orderBody), want: RefusedRight},
		{name: "a heartbeat of the authority", channel: "device.lobby-1", text: by(Authority, "device.lobby-1", beatBody), want: RefusedRight},

		{name: "a provider's status change", text: fmt.Appendf(nil, statusBody, "dr-vega"), publisher: "dr-vega"},
		{name: "a provider's call", text: fmt.Appendf(nil, calledBody, "dr-vega"), publisher: "dr-vega"},
		{name: "a provider's availability", text: fmt.Appendf(nil, availBody, "dr-vega"), publisher: "dr-vega"},
		{name: "in another's name", text: fmt.Appendf(nil, statusBody, "dr-okafor"), publisher: "dr-vega", want: RefusedUnbound},
		{name: "in the desk's name", text: fmt.Appendf(nil, statusBody, "staff:ana"), publisher: "dr-vega", want: RefusedUnbound},
		{name: "in nobody's name", text: fmt.Appendf(nil, statusBody, ""), publisher: "dr-vega", want: RefusedUnbound},
		{name: "another's availability", text: fmt.Appendf(nil, availBody, "dr-okafor"), publisher: "dr-vega", want: RefusedUnbound},
		{name: "a call that names the caller elsewhere", publisher: "dr-vega", want: RefusedUnbound,
			text: []byte(`{"action":"CALLED",` + entry + `,"updatedBy":"dr-vega","calledBy":"dr-okafor"}`)},
		{name: "a name in two halves", publisher: "dr-vega", want: RefusedUnbound,
			text: []byte(`{"action":"STATUS_UPDATED",` + entry + `,"updatedBy":"dr-","calledBy":"vega","newStatus":"waiting"}`)},
		{name: "another department's provider", text: fmt.Appendf(nil, statusBody, "dr-okafor"), publisher: "dr-okafor", want: RefusedUnbound},
		{name: "somebody who is no provider", text: fmt.Appendf(nil, statusBody, "mallory"), publisher: "mallory", want: RefusedUnbound},
		{name: "unsigned messages switched off", text: fmt.Appendf(nil, statusBody, "dr-vega"), publisher: "dr-vega", off: true, want: RefusedRight},
		{name: "a provider adds a patient", text: []byte(`{"action":"PATIENT_ADDED","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider changes a priority", text: []byte(`{"action":"PRIORITY_CHANGED","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider records a consent", channel: "consent.riverside", text: []byte(`{"type":"CONSENT_RECORDED","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider audits", channel: "audit.riverside", text: []byte(`{"eventType":"SERVICE_STARTED","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider sends a roster", channel: "roster.cardiology", text: []byte(`{"type":"ROSTER","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider commands", channel: "kiosk.lobby-2", text: []byte(orderBody), publisher: "dr-vega", want: RefusedRight},
		{name: "a provider claims a clock", channel: "device.lobby-1", text: []byte(`{"type":"CLOCK_CORRECTED"}`), publisher: "dr-vega", want: RefusedRight},
		{name: "something unheard of", text: []byte(`{"action":"PARTY","updatedBy":"dr-vega"}`), publisher: "dr-vega", want: RefusedKind},
		{name: "a publisher that looks like a kiosk", text: fmt.Appendf(nil, statusBody, "lobby-1"), publisher: "lobby-1", want: RefusedUnbound},

		{name: "a provider raises an emergency", channel: "emergency.cardiology", publisher: "dr-vega",
			text: fmt.Appendf(nil, helpBody, "dr-vega", "", "active")},
		{name: "raises it in another's name", channel: "emergency.cardiology", publisher: "dr-vega", want: RefusedUnbound,
			text: fmt.Appendf(nil, helpBody, "dr-okafor", "dr-vega", "active")},
		{name: "acknowledges another's", channel: "emergency.cardiology", publisher: "dr-vega",
			text: fmt.Appendf(nil, helpBody, "patient-session:s1", "dr-vega", "acknowledged")},
		{name: "acknowledges without saying who", channel: "emergency.cardiology", publisher: "dr-vega", want: RefusedUnbound,
			text: fmt.Appendf(nil, helpBody, "patient-session:s1", "", "acknowledged")},
		{name: "acknowledges in another's name", channel: "emergency.cardiology", publisher: "dr-vega", want: RefusedUnbound,
			text: fmt.Appendf(nil, helpBody, "dr-vega", "dr-okafor", "acknowledged")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			env, err := wire.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			j := judge{self: "lobby-2", registry: keys, staff: people, unsigned: !test.off}
			channel := test.channel
			if channel == "" {
				channel = queueChannel
			}
			timetoken := max(test.timetoken, 17*1e15)
			if test.timetoken > 0 {
				timetoken = test.timetoken
			}
			events, own, err := j.envelope(channel, test.publisher, timetoken, env)
			if why, _ := RefusalOf(err); why != test.want || (err == nil) != (test.want == "") {
				t.Fatalf("refused for %q (%v), want %q", why, err, test.want)
			}
			if test.want != "" {
				if events != nil {
					t.Error("a refused message gave events")
				}
				return
			}
			if own != test.own || len(events) != max(test.events, 1) {
				t.Fatalf("own %v with %d events", own, len(events))
			}
			for _, b := range events {
				if bytes.Contains(b.Body, []byte(`"gw"`)) || b.ID == uuid.Nil || b.Channel != channel || b.Origin.Timetoken != timetoken {
					t.Errorf("believed %s of %+v", b.Body, b.Origin)
				}
				if env.Signed != (b.Publisher == "") || b.Publisher != kiosk.ProviderID(test.publisher) {
					t.Errorf("publisher is %q", b.Publisher)
				}
			}
		})
	}
}

// An unsigned message brought no id: everyone must derive the same, and two
// messages must never share one.
func TestUnsignedID(t *testing.T) {
	seen := map[uuid.UUID]string{}
	for _, channel := range []string{"queue.a", "queue.b"} {
		for _, publisher := range []string{"dr-vega", "dr-lee"} {
			for tt := range uint64(3) {
				id := unsignedID(channel, tt, publisher)
				if id != unsignedID(channel, tt, publisher) {
					t.Fatal("the id changes")
				}
				if other, taken := seen[id]; taken {
					t.Fatalf("%s %s %d has the id of %s", channel, publisher, tt, other)
				}
				seen[id] = fmt.Sprint(channel, publisher, tt)
			}
		}
	}
}

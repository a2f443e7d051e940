package downlink

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Authority is the kiosk name that the clinic's server signs with.
const Authority = "authority"

// Registry knows the clinic's signing keys.
type Registry interface {
	// SigningKey gives the public key that kid names for a kiosk, and the
	// timetokens between which it is believed (until 0: no end).
	SigningKey(kioskID, kid string) (pub ed25519.PublicKey, from, until uint64, ok bool)
}

// Staff knows which providers belong to which department.
type Staff interface {
	ProviderIn(id kiosk.ProviderID, department kiosk.DepartmentID) bool
}

// Refusal says why a message was not believed. It is a metric's label: a fixed
// word, nothing of the message.
type Refusal string

const (
	RefusedUnreadable Refusal = "unreadable"    // no key decrypts it, or it is no message of the vocabulary
	RefusedKind       Refusal = "unknown-kind"  // not in the event registry for this channel
	RefusedSigner     Refusal = "unlisted"      // kiosk or key is not in the registry
	RefusedSignature  Refusal = "bad-signature" // does not verify for this channel
	RefusedExpired    Refusal = "key-expired"   // published outside the key's time
	RefusedRight      Refusal = "not-allowed"   // this sender may not say this
	RefusedUnbound    Refusal = "not-bound"     // the named actor is not the publisher
	RefusedReplay     Refusal = "replay"        // unknown id at or below what was seen
	RefusedConflict   Refusal = "conflict"      // known id or place, other content
	RefusedSize       Refusal = "too-large"     // larger than the store takes
	RefusedUnsigned   Refusal = "unsigned"      // did not come from PubNub and is not signed
	RefusedAhead      Refusal = "too-far-ahead" // did not come from PubNub, and too much that lies before it is not here
)

// errRefused carries a Refusal.
type errRefused Refusal

func (e errRefused) Error() string { return "message refused: " + string(e) }

// Refuse gives the error that refuses a message.
func Refuse(why Refusal) error { return errRefused(why) }

// RefusalOf gives the reason of an error that refuses a message.
func RefusalOf(err error) (Refusal, bool) {
	var r errRefused
	ok := errors.As(err, &r)
	return Refusal(r), ok
}

// Believed is an event that its sender was entitled to publish.
type Believed struct {
	Channel    string
	Definition kiosk.Definition
	Body       []byte // RFC 8785 form of the shape, without gw, which says how it travelled
	ID         uuid.UUID
	Origin     storage.Origin
	Publisher  kiosk.ProviderID // of an unsigned message; empty otherwise
	Proof      *wire.Proof      // of a signed message of one event; nil otherwise
}

// judge decides who is believed (design 4). It looks at the message and the
// registry only; whether the event is new is decided in the transaction.
type judge struct {
	self     string
	registry Registry
	staff    Staff
	unsigned bool // sync.unsigned = "bound"
}

// envelope judges one parsed message. own is true for an echo of this kiosk's.
func (j *judge) envelope(channel string, publisher string, timetoken uint64, env wire.Envelope) (events []Believed, own bool, err error) {
	if !env.Signed {
		b, err := j.unsignedEvent(channel, publisher, timetoken, env.Events[0].Body)
		if err != nil {
			return nil, false, err
		}
		return []Believed{b}, false, nil
	}
	return j.signed(channel, timetoken, env, func(from, until uint64) bool {
		return timetoken >= from && (until == 0 || timetoken <= until)
	})
}

// signed judges a message of a kiosk or the authority. within says whether it
// was said between two timetokens, where 0 is no end.
func (j *judge) signed(channel string, timetoken uint64, env wire.Envelope, within func(from, until uint64) bool) (events []Believed, own bool, err error) {
	who, err := j.signer(channel, env, within)
	if err != nil {
		return nil, false, err
	}
	var proof *wire.Proof
	if p, ok := env.Proof(); ok {
		proof = &p
	}
	for _, e := range env.Events {
		body := e.Shape()
		def, ok := kiosk.DefinitionFor(channel, body)
		if !ok {
			return nil, false, errRefused(RefusedKind)
		}
		if def.Publishers&who == 0 {
			return nil, false, errRefused(RefusedRight)
		}
		events = append(events, Believed{
			Channel: channel, Definition: def, Body: body, ID: e.GW.ID, Proof: proof,
			Origin: storage.Origin{
				Kiosk: e.GW.Kiosk, Inc: e.GW.Inc, Seq: e.GW.Seq, HLC: e.GW.HLC,
				Boot: e.GW.Boot, Mono: e.GW.Mono, Synced: e.GW.Synced, Timetoken: timetoken,
			},
		})
	}
	return events, env.GW.Kiosk == j.self, nil
}

// signer says as what the signer of a message may speak.
func (j *judge) signer(channel string, env wire.Envelope, within func(from, until uint64) bool) (kiosk.Publishers, error) {
	pub, from, until, ok := j.registry.SigningKey(env.GW.Kiosk, env.GW.KeyID)
	if !ok {
		return 0, errRefused(RefusedSigner)
	}
	if err := env.Verify(channel, pub); err != nil {
		return 0, errRefused(RefusedSignature)
	}
	if !within(from, until) {
		return 0, errRefused(RefusedExpired)
	}
	if env.GW.Kiosk == Authority {
		return kiosk.ByAuthority, nil
	}
	return kiosk.ByKiosk, nil
}

// unsignedEvent judges a message of a staff app on any SDK: only what the
// registry lets a provider say, only in the provider's own departments, and
// only in the provider's own name, which PubNub's Access Manager bound to the
// publisher's user id.
func (j *judge) unsignedEvent(channel, publisher string, timetoken uint64, body []byte) (Believed, error) {
	if !j.unsigned {
		return Believed{}, errRefused(RefusedRight)
	}
	def, ok := kiosk.DefinitionFor(channel, body)
	if !ok {
		return Believed{}, errRefused(RefusedKind)
	}
	if def.Publishers&kiosk.ByProvider == 0 {
		return Believed{}, errRefused(RefusedRight)
	}
	provider := kiosk.ProviderID(publisher)
	ch, ok := kiosk.ParseChannel(channel)
	if !ok || ch.Department == "" || !j.staff.ProviderIn(provider, ch.Department) {
		return Believed{}, errRefused(RefusedUnbound)
	}
	var n named
	if err := json.Unmarshal(body, &n); err != nil {
		return Believed{}, errRefused(RefusedUnreadable)
	}
	if n.actor(def) != publisher {
		return Believed{}, errRefused(RefusedUnbound)
	}
	at := time.Unix(0, int64(timetoken)*100)
	return Believed{
		Channel: channel, Definition: def, Body: body, Publisher: provider,
		ID: unsignedID(channel, timetoken, publisher),
		Origin: storage.Origin{
			Kiosk: "@" + publisher, Seq: timetoken, HLC: storage.HLC(uint64(at.UnixMilli()) << 16),
			Synced: true, Timetoken: timetoken,
		},
	}, nil
}

// named is where a message says who did it.
type named struct {
	UpdatedBy   string `json:"updatedBy"`
	CalledBy    string `json:"calledBy"`
	EscalatedBy string `json:"escalatedBy"`
	ProviderID  string `json:"providerId"`
	Status      string `json:"status"`
}

// actor gives the one that must be the publisher. An emergency names who raised
// it, and once it goes on also who took it further.
func (n named) actor(d kiosk.Definition) string {
	switch d.Type {
	case "CALLED":
		return n.CalledBy
	case "PROVIDER_STATUS":
		return n.ProviderID
	case "EMERGENCY_ESCALATION":
		if n.Status == string(kiosk.EscalationActive) || n.UpdatedBy == "" {
			return n.EscalatedBy
		}
	}
	return n.UpdatedBy
}

// unsignedID gives the id of a message that brought none: it depends on what
// every reader of the channel sees alike.
func unsignedID(channel string, timetoken uint64, publisher string) uuid.UUID {
	h := sha256.New()
	h.Write([]byte("clinicgate/unsigned/1\n" + channel + "\n" + publisher + "\n"))
	var tt [8]byte
	binary.BigEndian.PutUint64(tt[:], timetoken)
	h.Write(tt[:])
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

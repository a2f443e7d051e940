package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"clinicgate/storage"

	"github.com/google/uuid"
)

const (
	version = 1

	// MaxPublished is the largest plaintext of one message, in bytes: encryption,
	// base64 and URL encoding take it to PubNub's 32 KiB.
	MaxPublished = 20 << 10
	// MaxInflated bounds what a compressed batch may grow to, in bytes.
	MaxInflated = 1 << 20
	// MaxBatchEvents bounds the events in one batch.
	MaxBatchEvents = 1000

	maxInteger = 1<<53 - 1
)

// GW is the member that a gateway adds to a published shape.
type GW struct {
	ID     uuid.UUID     // event id; of a batch: derived from what it holds
	Kiosk  string        // "authority" for the authority's messages
	Stream string        // channel that the sequence counts in
	Inc    uint32        // life of the store that made it
	Seq    uint64        // 0 for a batch
	First  uint64        // batch only
	Last   uint64        // batch only
	HLC    storage.HLC   // hybrid logical clock of the event, of a batch: of its last event
	Boot   uuid.UUID     // boot that Mono counts in
	Mono   time.Duration // since boot
	Synced bool          // the clock was trusted
	KeyID  string        // names the key that Sig verifies with
	Sig    []byte        // Ed25519
}

// KeyID names a public key on the wire: the first 16 hex digits of its SHA-256.
func KeyID(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return hex.EncodeToString(sum[:8])
}

// Signer makes a kiosk's messages.
type Signer struct {
	Kiosk string
	Key   ed25519.PrivateKey
}

func (s Signer) keyID() string { return KeyID(s.Key.Public().(ed25519.PublicKey)) }

// append writes g in RFC 8785 form (members in order of their names). Empty
// members are left out, which gives the small gw of an event inside a batch and
// the text to be signed.
func (g GW) append(dst []byte) []byte {
	sep := byte('{')
	text := func(name, value string) {
		dst = append(dst, sep, '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		quoted, _ := json.Marshal(value)
		dst = append(dst, quoted...)
		sep = ','
	}
	number := func(name string, value uint64) {
		dst = append(dst, sep, '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		dst = strconv.AppendUint(dst, value, 10)
		sep = ','
	}
	whole := g.Kiosk != ""
	batch := g.First > 0
	if whole {
		text("boot", g.Boot.String())
	}
	if batch {
		number("first", g.First)
	}
	text("hlc", g.HLC.String())
	text("id", g.ID.String())
	if whole {
		number("inc", uint64(g.Inc))
		text("kid", g.KeyID)
		text("kiosk", g.Kiosk)
	}
	if batch {
		number("last", g.Last)
	}
	text("mono", strconv.FormatInt(int64(g.Mono), 10))
	if !batch {
		number("seq", g.Seq)
	}
	if len(g.Sig) > 0 {
		text("sig", base64.StdEncoding.EncodeToString(g.Sig))
	}
	if whole {
		text("stream", g.Stream)
		dst = append(dst, sep)
		dst = append(dst, `"synced":`...)
		dst = strconv.AppendBool(dst, g.Synced)
		number("v", version)
	}
	return append(dst, '}')
}

type gwJSON struct {
	V      int    `json:"v"`
	ID     string `json:"id"`
	Kiosk  string `json:"kiosk"`
	Stream string `json:"stream"`
	Inc    uint64 `json:"inc"`
	Seq    uint64 `json:"seq"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	HLC    string `json:"hlc"`
	Boot   string `json:"boot"`
	Mono   string `json:"mono"`
	Synced bool   `json:"synced"`
	KeyID  string `json:"kid"`
	Sig    string `json:"sig"`
}

var errGW = errors.New("malformed gw member")

// parseGW reads a gw member. whole tells the outer one of a message from the
// small one of an event inside a batch.
func parseGW(text []byte, whole bool) (GW, error) {
	var j gwJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return GW{}, errGW
	}
	var g GW
	var err error
	if g.ID, err = uuid.Parse(j.ID); err != nil || len(j.ID) != 36 {
		return GW{}, fmt.Errorf("%w: id", errGW)
	}
	hlc, err := strconv.ParseUint(j.HLC, 16, 64)
	if err != nil || len(j.HLC) != 16 {
		return GW{}, fmt.Errorf("%w: hlc", errGW)
	}
	g.HLC = storage.HLC(hlc)
	mono, err := strconv.ParseInt(j.Mono, 10, 64)
	if err != nil || mono < 0 {
		return GW{}, fmt.Errorf("%w: mono", errGW)
	}
	g.Mono = time.Duration(mono)
	if j.Seq > maxInteger || j.First > maxInteger || j.Last > maxInteger || j.Inc > 1<<32-1 {
		return GW{}, fmt.Errorf("%w: number too large", errGW)
	}
	g.Seq, g.First, g.Last, g.Inc = j.Seq, j.First, j.Last, uint32(j.Inc)
	if !whole {
		return g, nil
	}
	if j.V != version {
		return GW{}, fmt.Errorf("%w: version %d is not known here", errGW, j.V)
	}
	if g.Boot, err = uuid.Parse(j.Boot); err != nil {
		return GW{}, fmt.Errorf("%w: boot", errGW)
	}
	if g.Sig, err = base64.StdEncoding.DecodeString(j.Sig); err != nil || len(g.Sig) != ed25519.SignatureSize {
		return GW{}, fmt.Errorf("%w: sig", errGW)
	}
	if j.Kiosk == "" || j.Stream == "" || len(j.KeyID) != 16 {
		return GW{}, fmt.Errorf("%w: kiosk, stream or kid", errGW)
	}
	g.Kiosk, g.Stream, g.KeyID, g.Synced = j.Kiosk, j.Stream, j.KeyID, j.Synced
	return g, nil
}

func signedText(channel string, canonical []byte) []byte {
	out := make([]byte, 0, len("clinicgate/1\n")+len(channel)+1+len(canonical))
	out = append(out, "clinicgate/1\n"...)
	out = append(out, channel...)
	out = append(out, '\n')
	return append(out, canonical...)
}

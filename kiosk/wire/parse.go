package wire

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gowebpki/jcs"
)

var (
	// ErrMalformed says that the text is not a message of the vocabulary.
	ErrMalformed = errors.New("malformed message")
	// ErrSignature says that a signature does not fit text, channel and key.
	ErrSignature = errors.New("signature does not verify")
)

// Envelope is a received message, parsed but not yet believed.
type Envelope struct {
	Signed bool    // it has a gw member
	GW     GW      // zero when not signed
	Events []Event // one, or those of a batch in order

	canonical []byte // RFC 8785 form of the whole text, with gw.sig
}

// Proof gives the proof of a message of one event; of a batch, whose signature is
// over all of it, there is none.
func (e Envelope) Proof() (p Proof, ok bool) {
	if !e.Signed || e.GW.First != 0 {
		return Proof{}, false
	}
	return Proof{e.GW.KeyID, e.GW.Sig}, true
}

// Event is one event of a message.
type Event struct {
	GW   GW     // place of the event; zero when the message is not signed
	Body []byte // RFC 8785 form of the shape, with the gw it was received with
}

// Shape gives the body without its gw member: the body of the sender's record.
// An event that was sent twice, alone and in a batch, say, differs in gw and is
// the same in this.
func (e Event) Shape() []byte {
	ms, _, err := members(e.Body, 0)
	if err != nil {
		return e.Body
	}
	at := find(ms, "gw")
	if at < 0 {
		return e.Body
	}
	return without(e.Body, ms, at)
}

// Parse reads the decrypted text of a message. It gives ErrMalformed for what
// is not a JSON object, has duplicate members, or breaks the rules of gw and
// BATCH. It says nothing about who sent it: see Verify.
func Parse(text []byte) (Envelope, error) {
	if len(text) > MaxInflated {
		return Envelope{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(text))
	}
	if i := bytes.IndexFunc(text, notSpace); i < 0 || text[i] != '{' {
		return Envelope{}, fmt.Errorf("%w: not an object", ErrMalformed)
	}
	if err := depthWithin(text, 64); err != nil {
		return Envelope{}, err
	}
	canonical, err := jcs.Transform(text)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: not JSON of one meaning", ErrMalformed)
	}
	ms, _, err := members(canonical, 0)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	at := find(ms, "gw")
	if at < 0 {
		return Envelope{Events: []Event{{Body: canonical}}, canonical: canonical}, nil
	}
	g, err := parseGW(canonical[ms[at].valueAt:ms[at].end], true)
	if err != nil {
		return Envelope{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	env := Envelope{Signed: true, GW: g, canonical: canonical}
	if g.First == 0 {
		if g.Seq == 0 || g.Last != 0 {
			return Envelope{}, fmt.Errorf("%w: sequence", ErrMalformed)
		}
		env.Events = []Event{{GW: g, Body: canonical}}
		return env, nil
	}
	env.Events, err = batchEvents(canonical, g)
	return env, err
}

func notSpace(r rune) bool { return r != ' ' && r != '\t' && r != '\n' && r != '\r' }

// depthWithin refuses nesting that would let a small text use a deep stack.
func depthWithin(text []byte, limit int) error {
	depth, inString, escaped := 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case inString && c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("%w: nested more than %d deep", ErrMalformed, limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

func batchEvents(canonical []byte, outer GW) ([]Event, error) {
	var b struct {
		Action   string            `json:"action"`
		Encoding string            `json:"encoding"`
		Data     string            `json:"data"`
		Events   []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(canonical, &b); err != nil || b.Action != "BATCH" {
		return nil, fmt.Errorf("%w: first and last without BATCH", ErrMalformed)
	}
	switch b.Encoding {
	case "":
	case "gzip":
		raw, err := unpack(b.Data)
		if err != nil {
			return nil, err
		}
		if err := depthWithin(raw, 64); err != nil {
			return nil, err
		}
		plain, err := jcs.Transform(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: batch is not JSON of one meaning", ErrMalformed)
		}
		if err := json.Unmarshal(plain, &b.Events); err != nil {
			return nil, fmt.Errorf("%w: batch is not a list", ErrMalformed)
		}
	default:
		return nil, fmt.Errorf("%w: batch encoding is not known here", ErrMalformed)
	}
	if outer.Last < outer.First || outer.Last-outer.First >= MaxBatchEvents || uint64(len(b.Events)) != outer.Last-outer.First+1 {
		return nil, fmt.Errorf("%w: batch holds %d events for %d to %d", ErrMalformed, len(b.Events), outer.First, outer.Last)
	}
	events := make([]Event, len(b.Events))
	for i, body := range b.Events {
		ms, _, err := members(body, 0)
		if err != nil {
			return nil, fmt.Errorf("%w: batch event %d", ErrMalformed, i)
		}
		at := find(ms, "gw")
		if at < 0 {
			return nil, fmt.Errorf("%w: batch event %d has no gw", ErrMalformed, i)
		}
		small, err := parseGW(body[ms[at].valueAt:ms[at].end], false)
		if err != nil {
			return nil, fmt.Errorf("%w: batch event %d: %w", ErrMalformed, i, err)
		}
		if small.Seq != outer.First+uint64(i) {
			return nil, fmt.Errorf("%w: batch event %d has sequence %d", ErrMalformed, i, small.Seq)
		}
		g := outer
		g.ID, g.Seq, g.HLC, g.Mono, g.First, g.Last = small.ID, small.Seq, small.HLC, small.Mono, 0, 0
		events[i] = Event{GW: g, Body: body}
	}
	return events, nil
}

func unpack(data string) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return nil, fmt.Errorf("%w: batch data", ErrMalformed)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: batch data", ErrMalformed)
	}
	raw, err := io.ReadAll(io.LimitReader(z, MaxInflated+1))
	if err != nil || len(raw) > MaxInflated {
		return nil, fmt.Errorf("%w: batch inflates past %d bytes or is damaged", ErrMalformed, MaxInflated)
	}
	return raw, nil
}

// Verify checks the signature of the text that was parsed, for the channel it
// was received on.
func (e Envelope) Verify(channel string, pub ed25519.PublicKey) error {
	if !e.Signed || e.GW.Stream != channel || e.GW.KeyID != KeyID(pub) || len(pub) != ed25519.PublicKeySize {
		return ErrSignature
	}
	ms, _, err := members(e.canonical, 0)
	if err != nil {
		return ErrSignature
	}
	at := find(ms, "gw")
	inner, _, err := members(e.canonical, ms[at].valueAt)
	if err != nil {
		return ErrSignature
	}
	sig := find(inner, "sig")
	if sig < 0 {
		return ErrSignature
	}
	if !ed25519.Verify(pub, signedText(channel, without(e.canonical, inner, sig)), e.GW.Sig) {
		return ErrSignature
	}
	return nil
}

//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk/wire"
)

// reader holds the cipher key and the kiosk's public key, and counts what PubNub
// gives it: a client of its own that knows the gateway from its messages alone.
type reader struct {
	client *pubnub.Client
	cipher *pubnub.Cipher
	key    ed25519.PublicKey

	live, stored *reading
}

func newReader(t *testing.T, d *demo) *reader {
	t.Helper()
	client, err := pubnub.New(pubnub.Config{Origin: d.ready.PubNub.Origin, Insecure: true, PublishKey: d.ready.PubNub.PublishKey,
		SubscribeKey: d.ready.PubNub.SubscribeKey, UserID: "records-app"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "demo", Key: []byte(d.ready.PubNub.CipherKey)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := base64.StdEncoding.DecodeString(d.ready.KioskKey)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{client: client, cipher: cipher, key: key, live: newReading()}
}

// listen follows channels as they are published, until the test ends.
func (r *reader) listen(t *testing.T, channels []string) {
	t.Helper()
	sub := r.client.Subscribe(0)
	if err := sub.SetChannels(channels...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = sub.Run(ctx, func(m pubnub.Message) {
			if m.Channel != "" && m.Kind == pubnub.KindMessage {
				r.live.take(r, m)
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// history reads what PubNub keeps of channels, from the first message on.
func (r *reader) history(t *testing.T, channels []string) {
	t.Helper()
	r.stored = newReading()
	for _, channel := range channels {
		var after pubnub.Timetoken
		for more := true; more; {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			page, rest, err := r.client.History(ctx, channel, after, 100)
			cancel()
			if err != nil {
				t.Fatalf("history of %s: %v", channel, err)
			}
			for _, m := range page {
				r.stored.take(r, m)
				after = m.Timetoken
			}
			more = rest && len(page) > 0
		}
	}
}

// reading is what somebody made of messages in the order that they came.
type reading struct {
	mu         sync.Mutex
	messages   int
	batches    int
	unsigned   int
	wrong      int // not ciphertext, no message, or not signed by the kiosk
	duplicates int // events that came again under their id
	conflicts  int // the same id with another content
	inversions int // first seen after a later one of their stream
	seen       map[string][]byte
	streams    map[streamKey]*streamRead
	patients   map[string]bool // entries that a patient finished
	rooms      int             // PROVIDER_STATUS events
}

type streamKey struct {
	channel, kiosk string
	inc            uint32
}

type streamRead struct{ events, highest uint64 }

func newReading() *reading {
	return &reading{seen: map[string][]byte{}, streams: map[streamKey]*streamRead{}, patients: map[string]bool{}}
}

func (a *reading) take(r *reader, m pubnub.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages++
	var env wire.Envelope
	text, ok := m.Text()
	if ok {
		_, _, err := r.cipher.Decrypt(text, func(plain []byte) (ok bool) {
			var err error
			env, err = wire.Parse(plain)
			return err == nil
		})
		ok = err == nil
	}
	switch {
	case !ok:
		a.wrong++
	case !env.Signed:
		a.unsigned++
	case env.Verify(m.Channel, r.key) != nil:
		a.wrong++
	default:
		if env.GW.Last > 0 {
			a.batches++
		}
		for _, e := range env.Events {
			a.count(m.Channel, e)
		}
	}
}

func (a *reading) count(channel string, e wire.Event) {
	id := e.GW.Kiosk + " " + e.GW.ID.String()
	if before, again := a.seen[id]; again {
		a.duplicates++
		if !bytes.Equal(before, e.Shape()) {
			a.conflicts++
		}
		return
	}
	a.seen[id] = e.Shape()
	key := streamKey{channel, e.GW.Kiosk, e.GW.Inc}
	s := a.streams[key]
	if s == nil {
		s = &streamRead{}
		a.streams[key] = s
	}
	s.events++
	if e.GW.Seq <= s.highest {
		a.inversions++
	}
	s.highest = max(s.highest, e.GW.Seq)
	var said struct{ Action, QueueEntryID, NewStatus string }
	if json.Unmarshal(e.Body, &said) == nil {
		switch {
		case said.Action == "STATUS_UPDATED" && said.NewStatus == "waiting":
			a.patients[said.QueueEntryID] = true
		case said.Action == "PROVIDER_STATUS":
			a.rooms++
		}
	}
}

// events is how many different ones there are.
func (a *reading) events() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return uint64(len(a.seen))
}

// missing is how many sequence numbers lack below the highest of their stream.
func (a *reading) missing() (n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.streams {
		n += s.highest - s.events
	}
	return n
}

// within tells whether another reading has every event of this one, the same.
func (a *reading) within(other *reading) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	other.mu.Lock()
	defer other.mu.Unlock()
	for id, shape := range a.seen {
		if !bytes.Equal(other.seen[id], shape) {
			return false
		}
	}
	return true
}

func (a *reading) String() string {
	missing := a.missing()
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%d messages (%d batches, %d unsigned of staff, %d wrong), %d events in %d streams: %d missing, %d doubled before de-duplication, %d conflicts, %d inversions; %d patients finished, %d PROVIDER_STATUS",
		a.messages, a.batches, a.unsigned, a.wrong, len(a.seen), len(a.streams), missing, a.duplicates, a.conflicts, a.inversions, len(a.patients), a.rooms)
}

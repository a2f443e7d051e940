//go:build bench

package bench

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

const cipherKey = "clinic cipher key"

// double is PubNub's double on loopback. It keeps what was published.
type double struct {
	*emulator.Emulator
	addr string

	mu       sync.Mutex
	messages map[string][]json.RawMessage // by channel, in the order of acceptance
	first    chan struct{}                // closed at the first message
}

func newDouble(t *testing.T) *double {
	t.Helper()
	d := &double{Emulator: emulator.New(emulator.Options{}), messages: map[string][]json.RawMessage{}}
	d.expect()
	d.Tap(func(m emulator.Message) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.messages[m.Channel] = append(d.messages[m.Channel], m.Payload)
		select {
		case <-d.first:
		default:
			close(d.first)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr().String()
	srv := &http.Server{Handler: d.Emulator}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() {
		d.Close()
		_ = srv.Close()
		wg.Wait()
	})
	return d
}

// expect gives a channel that is closed at the next message.
func (d *double) expect() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.first = make(chan struct{})
	return d.first
}

// arrived checks that the channels hold the sequences 1 to n whole and in order,
// and gives the number of messages that it took.
func (d *double) arrived(t *testing.T, channels []string, n int) (messages int) {
	t.Helper()
	cipher := newCipher(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, channel := range channels {
		next := uint64(1)
		messages += len(d.messages[channel])
		for _, payload := range d.messages[channel] {
			var sealed string
			if err := json.Unmarshal(payload, &sealed); err != nil {
				t.Fatal(err)
			}
			plain, _, err := cipher.Decrypt(sealed, func([]byte) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			env, err := wire.Parse(plain)
			if err == nil {
				err = env.Verify(channel, signingKey().Public().(ed25519.PublicKey))
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range env.Events {
				if e.GW.Seq != next {
					t.Fatalf("%s: sequence %d came where %d was due", channel, e.GW.Seq, next)
				}
				next++
			}
		}
		if next != uint64(n)+1 {
			t.Fatalf("%s: %d events came, not %d", channel, next-1, n)
		}
	}
	return messages
}

func newCipher(t *testing.T) *pubnub.Cipher {
	t.Helper()
	c, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "q1", Key: []byte(cipherKey)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func signingKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)) }

// service is PubNub as the uplink wants it.
type service struct{ *pubnub.Client }

// Publish sends a ciphertext to be kept in history.
func (s service) Publish(ctx context.Context, channel, payload string) (pubnub.Timetoken, error) {
	return s.Client.Publish(ctx, channel, payload, pubnub.PublishOptions{Store: true})
}

// sender is a store with its uplink, through the real client.
type sender struct {
	store  *storage.Store
	client *pubnub.Client
	up     *uplink.Uplink
	empty  chan struct{} // a value when a publish was accepted
}

// newSender opens a store in a folder, puts events into it, and makes an uplink.
func newSender(dir, origin string, mode uplink.BatchMode, channels []string, each int) (*sender, error) {
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "q1", Key: []byte(cipherKey)}}, nil)
	if err != nil {
		return nil, err
	}
	client, err := pubnub.New(pubnub.Config{Origin: origin, Insecure: true, PublishKey: "demo", SubscribeKey: "demo", UserID: "bench-1"})
	if err != nil {
		return nil, err
	}
	s := &sender{client: client, empty: make(chan struct{}, 1)}
	o := storeOptions(dir)
	if s.store, _, err = storage.Open(context.Background(), o); err != nil {
		return nil, err
	}
	for _, c := range channels {
		if err := fill(s.store, c, benchKind, each); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	s.up, err = uplink.New(uplink.Config{
		Batch:  mode,
		Signer: func() (wire.Signer, error) { return wire.Signer{Kiosk: "bench-1", Key: signingKey()}, nil },
		Quarantined: func(context.Context, string, uint32, uint64, uint64, string) error {
			return errors.New("nothing is to be refused here")
		},
		Accepted: func(string, storage.Cursor, uint64) {
			select {
			case s.empty <- struct{}{}:
			default:
			}
		},
	}, s.store, service{client}, cipher, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *sender) close() error {
	s.client.Close()
	return s.store.Close(context.Background())
}

// run lets the uplink work until ctx ends.
func (s *sender) run(ctx context.Context) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- s.up.Run(ctx) }()
	return func() error { return <-done }
}

// drained returns when nothing waits any more.
func (s *sender) drained(ctx context.Context) error {
	for s.store.Status().Queued > 0 {
		select {
		case <-s.empty:
		case <-ctx.Done():
			return fmt.Errorf("%d events still wait: %w", s.store.Status().Queued, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// fill appends events to one channel, a hundred in a commit.
func fill(s *storage.Store, channel, kind string, n int) error {
	bodies := make([][]byte, 256)
	for i := range bodies {
		bodies[i] = eventBody()
	}
	for at := 0; at < n; {
		var events []storage.Event
		for ; at < n && len(events) < 500; at++ {
			events = append(events, storage.Event{ID: newID(), Channel: channel, Kind: kind, Body: bodies[at%len(bodies)]})
		}
		if _, err := s.Append(context.Background(), events...); err != nil {
			return err
		}
	}
	return nil
}

package pubnub_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
)

// onEmulator gives a client on a fresh keyset.
func onEmulator(t *testing.T, o emulator.Options, options ...func(*pubnub.Config)) (*emulator.Emulator, *pubnub.Client) {
	t.Helper()
	o.PublishKey, o.SubscribeKey = publishKey, "sub-key"
	e := emulator.New(o)
	server := httptest.NewServer(e)
	c := newClient(t, server, options...)
	t.Cleanup(func() { c.Close(); e.Close(); server.Close() })
	return e, c
}

// Through every fault that the emulator knows, an uplink that sends the same
// text again until it is accepted loses nothing, and a downlink that reads
// history after each ring finds everything.
func TestEveryFaultIsSurvived(t *testing.T) {
	t.Parallel()
	e, c := onEmulator(t, emulator.Options{})
	for i, rule := range []emulator.Rule{
		{Action: emulator.Answer, Kind: emulator.Subscribe, Status: 503, Count: 2},
		{Action: emulator.Answer, Kind: emulator.Publish, Status: 503, Count: 2},
		{Action: emulator.Answer, Kind: emulator.Publish, Status: 429, Count: 1},
		{Action: emulator.Reset, Kind: emulator.Publish, Accept: true, Count: 3},
		{Action: emulator.Truncate, Kind: emulator.Publish, Count: 2},
		{Action: emulator.Garbage, Count: 4},
		{Action: emulator.Reset, Kind: emulator.Subscribe, Count: 3},
		{Action: emulator.Reset, Kind: emulator.History, Count: 2},
		{Action: emulator.Duplicate, Kind: emulator.Publish, Count: 3},
		{Action: emulator.Reorder, Kind: emulator.Publish, Count: 3, Wait: 20 * time.Millisecond},
	} {
		rule.Skip = 3 * i
		e.Faults().Add(rule)
	}
	var rings atomic.Int32
	sub := c.Subscribe(0)
	_ = sub.SetChannels("queue.cardiology")
	done := make(chan struct{})
	go func() { defer close(done); _ = sub.Run(t.Context(), func(pubnub.Message) { rings.Add(1) }) }()
	t.Cleanup(func() { c.Close(); <-done })

	cipher := newCipher(t, "enigma")
	const events = 250
	var sent []string
	for n := range events {
		plain := fmt.Sprintf(`{"n":%d,"name":"José 😀 𠮷"}`, n)
		text, err := cipher.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, plain)
		for tries := 0; ; tries++ {
			_, err := c.Publish(t.Context(), "queue.cardiology", text, pubnub.PublishOptions{Store: true})
			if err == nil {
				break
			}
			if tries > 20 || classOf(err) == pubnub.Refused || classOf(err) == pubnub.Denied {
				t.Fatalf("event %d, try %d: %v", n, tries, err)
			}
		}
	}
	var read []string
	for after, more, failures := pubnub.Timetoken(0), true, 0; more; {
		page, m, err := c.History(t.Context(), "queue.cardiology", after, 100)
		if err != nil {
			if failures++; failures > 20 {
				t.Fatal(err)
			}
			continue
		}
		for _, m := range page {
			text, _ := m.Text()
			plain, _, err := cipher.Decrypt(text, func([]byte) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(read, string(plain)) {
				read = append(read, string(plain))
			}
			after = m.Timetoken
		}
		more = m
	}
	if !slices.Equal(read, sent) {
		t.Errorf("read %d events, sent %d, or another order", len(read), len(sent))
	}
	eventually(t, "rings", func() bool { return rings.Load() > 0 && sub.Status().Connected })
}

func TestTokensOnTheEmulator(t *testing.T) {
	t.Parallel()
	var token atomic.Value
	token.Store("")
	e, c := onEmulator(t, emulator.Options{AccessManager: true}, func(cfg *pubnub.Config) {
		cfg.Token = func() string { return token.Load().(string) }
	})
	if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); classOf(err) != pubnub.Denied {
		t.Errorf("without a token: %v", err)
	}
	if _, err := c.Time(t.Context()); err != nil {
		t.Error(err)
	}
	in := listen(t, c, 0)
	eventually(t, "denied", func() bool { e := in.sub.Status().Last; return e != nil && e.Class == pubnub.Denied })
	minted, err := e.MintToken(emulator.Grant{
		TTL: 15, UUID: "lobby-1",
		Channels: emulator.Masks{"a": emulator.MayRead | emulator.MayWrite},
	})
	if err != nil {
		t.Fatal(err)
	}
	token.Store(minted)
	eventually(t, "connected", func() bool { return in.sub.Status().Connected })
	if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); err != nil {
		t.Error(err)
	}
	in.expect(t, `"`+ciphertext+`"`)
	if _, err := c.Publish(t.Context(), "b", ciphertext, pubnub.PublishOptions{}); classOf(err) != pubnub.Denied {
		t.Errorf("another channel: %v", err)
	}
	e.Revoke(minted) // ends the held poll
	eventually(t, "denied again", func() bool { return !in.sub.Status().Connected })
}

func TestMetadataAndPresenceOnTheEmulator(t *testing.T) {
	t.Parallel()
	_, c := onEmulator(t, emulator.Options{})
	if _, err := c.ChannelMetadata(t.Context(), "queue.cardiology"); !errors.Is(err, pubnub.ErrNotFound) {
		t.Error(err)
	}
	first, err := c.SetChannelMetadata(t.Context(), "queue.cardiology", pubnub.Metadata{Name: "Queue - cardiology", Custom: map[string]string{"queueState": "one"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	md, err := c.ChannelMetadata(t.Context(), "queue.cardiology")
	if err != nil || md.ETag != first || md.Name != "Queue - cardiology" || md.Custom["queueState"] != "one" {
		t.Errorf("%+v, %v", md, err)
	}
	if _, err := c.SetChannelMetadata(t.Context(), "queue.cardiology", pubnub.Metadata{Custom: map[string]string{"queueState": "two"}}, first); err != nil {
		t.Error(err)
	}
	if _, err := c.SetChannelMetadata(t.Context(), "queue.cardiology", pubnub.Metadata{Custom: map[string]string{"queueState": "three"}}, first); !errors.Is(err, pubnub.ErrConflict) {
		t.Error(err)
	}
	in := &inbox{sub: c.Subscribe(0)}
	_ = in.sub.SetChannels("presence.providers.cardiology", pubnub.PresenceChannel("presence.providers.cardiology"))
	done := make(chan struct{})
	go func() { defer close(done); _ = in.sub.Run(t.Context(), in.take) }()
	t.Cleanup(func() { c.Close(); <-done })
	eventually(t, "connected", func() bool { return in.sub.Status().Connected })
	if err := c.SetState(t.Context(), "presence.providers.cardiology", map[string]string{"status": "away"}); err != nil {
		t.Error(err)
	}
	eventually(t, "state change", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return slices.ContainsFunc(in.list, func(m pubnub.Message) bool {
			p, ok := m.Presence()
			return ok && p.Action == "state-change" && p.UserID == "lobby-1" && p.State["status"] == "away"
		})
	})
	here, err := c.HereNow(t.Context(), "presence.providers.cardiology")
	if err != nil || len(here) != 1 || here[0].UserID != "lobby-1" || here[0].State["status"] != "away" {
		t.Errorf("%v, %v", here, err)
	}
	if _, err := c.Publish(t.Context(), "a.b.c.d", ciphertext, pubnub.PublishOptions{}); classOf(err) != pubnub.Refused {
		t.Errorf("depth: %v", err)
	}
	if text := strings.Repeat("+", 10900); pubnub.Fits("a", text) {
		t.Error("Fits")
	} else if _, err := c.Publish(t.Context(), "a", strings.Repeat("+", 10800), pubnub.PublishOptions{}); err != nil {
		t.Errorf("what fits is refused: %v", err)
	}
}

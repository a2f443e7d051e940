package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// What goes over the broker could go to PubNub: the text is the uplink's, byte for
// byte, inside the CryptoModule.
func TestSaysWhatPubNubGets(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2"}, func(t *testing.T, g *group) {
		a, b := g.members[0], g.members[1]
		a.status(3)
		a.do("audit.riverside", "audit/EVENT", `{"eventType":"SERVICE_STARTED","id":"1"}`, 1)
		settle(time.Second)
		if n := b.holds(a, department); n != 3 {
			t.Fatalf("lobby-2 holds %d events, want 3", n)
		}
		own, _ := a.store.Read(context.Background(), department, "", storage.Cursor{}, 10)
		var said []string
		for _, m := range g.broker.sent {
			if strings.HasSuffix(m[0], "/have") {
				continue
			}
			if m[0] != "clinicgate/main/x/lobby-1/"+department {
				t.Errorf("something was said at %s", m[0])
				continue
			}
			plain, _, err := g.cipher.Decrypt(m[1], func([]byte) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, string(plain))
		}
		for i, r := range own {
			want, err := wire.Signer{Kiosk: a.id, Key: a.key}.Message(r)
			if err != nil {
				t.Fatal(err)
			}
			if i >= len(said) || said[i] != string(want) {
				t.Errorf("event %d was said as another text", i)
			}
		}
		c := a.store.Status().Counts
		if !c.Balanced() || c.Delivered != 0 || c.Queued != 4 {
			t.Errorf("arrival here counts at PubNub: %+v", c)
		}
		if s := b.exchange.Status(); s.Taken != 3 || len(s.Refused) != 0 || !s.Connected || s.Peers[0].Heard.IsZero() {
			t.Errorf("status %+v", s)
		}
	})
}

// Who was away gets what it missed, from its maker, or from another where the
// maker is off. Nobody says again what nobody lacks.
func TestWhoWasAwayIsTold(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2", "lobby-3"}, func(t *testing.T, g *group) {
		a, b, c := g.members[0], g.members[1], g.members[2]
		g.broker.turn(c, false)
		a.status(700)
		b.status(2)
		settle(10 * time.Second)
		if n := b.holds(a, department); n != 700 {
			t.Fatalf("lobby-2 holds %d events of lobby-1, want 700", n)
		}
		a.stop()
		g.broker.turn(c, true)
		settle(40 * time.Second)
		if n, of := c.holds(a, department), c.holds(b, department); n != 700 || of != 2 {
			t.Fatalf("lobby-3 holds %d and %d events of the others, want 700 and 2", n, of)
		}
		st := b.exchange.Status()
		if st.Forwarded < 700 || st.Forwarded > 1000 {
			t.Errorf("lobby-2 said %d events of lobby-1 again", st.Forwarded)
		}
		before := b.exchange.Status().Repeated + c.exchange.Status().Repeated
		settle(10 * time.Minute)
		if after := b.exchange.Status().Repeated + c.exchange.Status().Repeated; after != before {
			t.Errorf("%d events were said again though nobody lacked any", after-before)
		}
		if n := g.broker.count("clinicgate/main/x/lobby-3/have"); n > 40 {
			t.Errorf("lobby-3 said %d times what it has", n)
		}
	})
}

// One message that is lost is missed at the next one, not a minute later, and its
// maker alone says it again.
func TestHoleIsAskedFor(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2", "lobby-3"}, func(t *testing.T, g *group) {
		a, b, c := g.members[0], g.members[1], g.members[2]
		lose := 1
		g.broker.mu.Lock()
		b.port.tapped = func(topic string) bool {
			if strings.HasSuffix(topic, department) && lose > 0 {
				lose--
				return true
			}
			return false
		}
		g.broker.mu.Unlock()
		a.status(2)
		settle(4 * time.Second)
		if n := b.holds(a, department); n != 2 {
			t.Errorf("lobby-2 holds %d events, want 2", n)
		}
		if r := a.exchange.Status().Repeated; r != 1 {
			t.Errorf("%d events were said again, want the one that was lost", r)
		}
		settle(20 * time.Second)
		if n := c.exchange.Status().Forwarded; n != 0 {
			t.Errorf("lobby-3 said %d events for one that is there", n)
		}
	})
}

// A reply is bounded, whoever asks and whatever for.
func TestRepliesAreBounded(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2"}, func(t *testing.T, g *group) {
		a, b := g.members[0], g.members[1]
		const all = downlink.Window + 300
		a.status(1800)
		settle(5 * time.Second)
		a.status(all - 1800)
		settle(5 * time.Second)
		if n := b.holds(a, department); n != all {
			t.Fatalf("lobby-2 holds %d events", n)
		}
		// One that claims to have nothing, again and again.
		b.stop()
		name := topic(siteName, b.id, leafHave)
		before := a.exchange.Status().Repeated
		const times = 80
		for i := range times {
			g.broker.send(name, g.seal(t, g.have(t, b, name, uint64(1000+i), line{Kiosk: a.id, Channel: department})))
			settle(100 * time.Millisecond)
		}
		said := a.exchange.Status().Repeated - before
		if most := uint64(times/10*4+2*maxParts) * replySize; said > most || said == 0 {
			t.Errorf("%d events were said again within 8 s", said)
		}
		if n := a.exchange.Status().Refused[RefusedRate]; n == 0 {
			t.Error("no question was one too many")
		}
		own, _ := a.store.Read(context.Background(), department, "", storage.Cursor{}, 1)
		plain, _, _ := g.cipher.Decrypt(last(g.broker, department), func([]byte) bool { return true })
		env, err := wire.Parse(plain)
		if err != nil || env.GW.Seq < own[0].Seq+all-downlink.Window {
			t.Errorf("event %d was shown, which lies beyond the window (%v)", env.GW.Seq, err)
		}
	})
}

// What does not come from who may say it, as it may be said, changes nothing and
// is counted by its reason.
func TestNothingElseIsTaken(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2", "lobby-3"}, func(t *testing.T, g *group) {
		a, b, c := g.members[0], g.members[1], g.members[2]
		a.status(1)
		settle(2 * time.Minute)
		g.broker.mu.Lock()
		genuine := g.broker.sent[slices.IndexFunc(g.broker.sent, func(m [2]string) bool { return strings.HasSuffix(m[0], department) })]
		question := g.broker.sent[slices.IndexFunc(g.broker.sent, func(m [2]string) bool { return m[0] == topic(siteName, "lobby-1", leafHave) })]
		g.broker.mu.Unlock()
		status := fmt.Sprintf(statusBody, 1)
		made := func(by string, key wire.Signer, channel, body string, seq uint64) []byte {
			text, err := key.Message(storage.Record{Event: storage.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, by, channel, body, seq)), Channel: channel, Body: []byte(body)},
				Inc: 1, Seq: seq, HLC: storage.NewHLC(time.Now()), Boot: uuid.NewSHA1(uuid.Nil, []byte("b")), Synced: true})
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		by := func(m *member) wire.Signer { return wire.Signer{Kiosk: m.id, Key: m.key} }
		authority := wire.Signer{Kiosk: downlink.Authority, Key: g.server}
		in := func(channel string) string { return topic(siteName, "lobby-1", channel) }
		canonical := func(text string) string { return string(canonicalText(t, text)) }
		altered := []byte(genuine[1])
		altered[len(altered)/2] ^= 1
		changed := bytes.Replace(made(a.id, by(a), department, canonical(status), 40), []byte("waiting"), []byte("no-show"), 1)
		conflicting := func() []byte { // the genuine event's id, another content
			plain, _, err := g.cipher.Decrypt(genuine[1], func([]byte) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			env, err := wire.Parse(plain)
			if err != nil {
				t.Fatal(err)
			}
			text, err := by(a).Message(storage.Record{Event: storage.Event{ID: env.GW.ID, Channel: department, Body: canonicalText(t, fmt.Sprintf(statusBody, 59))},
				Inc: env.GW.Inc, Seq: env.GW.Seq, HLC: env.GW.HLC, Boot: env.GW.Boot, Synced: true})
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		const (
			command = `{"name":"restart","nonce":"n","type":"COMMAND"}`
			keys    = `{"keys":[],"type":"KEYS"}`
			gap     = `{"channel":"queue.cardiology","first":1,"inc":1,"last":1000,"type":"GAP"}`
		)
		haveTopic := topic(siteName, "lobby-1", leafHave)
		for _, tt := range []struct {
			name, topic string
			payload     []byte
			want        downlink.Refusal
		}{
			{"an unsigned message", in(department), g.seal(t, []byte(status)), downlink.RefusedUnsigned},
			{"not encrypted", in(department), made(a.id, by(a), department, canonical(status), 41), downlink.RefusedUnreadable},
			{"an altered byte outside", in(department), altered, downlink.RefusedUnreadable},
			{"an altered byte inside", in(department), g.seal(t, changed), downlink.RefusedSignature},
			{"another kiosk's key", in(department), g.seal(t, made(a.id, wire.Signer{Kiosk: "lobby-1", Key: b.key}, department, canonical(status), 42)), downlink.RefusedSigner},
			{"an unlisted kiosk", in(department), g.seal(t, made("x", wire.Signer{Kiosk: "lobby-9", Key: seed("x")}, department, canonical(status), 43)), downlink.RefusedSigner},
			{"an unlisted writer", topic(siteName, "lobby-9", department), g.seal(t, made(a.id, by(a), department, canonical(status), 44)), downlink.RefusedSigner},
			{"another channel", in("emergency.cardiology"), []byte(genuine[1]), downlink.RefusedSignature},
			{"what may not be said there", in(department), g.seal(t, made(a.id, by(a), department, canonical(beatBody), 45)), downlink.RefusedKind},
			{"a key that has ended", in(department), g.seal(t, made("o", wire.Signer{Kiosk: "lobby-old", Key: g.ended}, department, canonical(status), 1)), downlink.RefusedExpired},
			{"a command of the authority", in("kiosk.lobby-2"), g.seal(t, made("s", authority, "kiosk.lobby-2", command, 1)), RefusedChannel},
			{"a command of the authority among queue events", in(department), g.seal(t, made("s", authority, department, command, 1)), downlink.RefusedKind},
			{"keys of the authority", in("kiosk.lobby-2"), g.seal(t, made("s", authority, "kiosk.lobby-2", keys, 2)), RefusedChannel},
			{"what the authority may not say", in("device.lobby-1"), g.seal(t, made("s", authority, "device.lobby-1", gap, 1)), downlink.RefusedRight},
			{"audit", in("audit.riverside"), g.seal(t, made(a.id, by(a), "audit.riverside", `{"eventType":"X"}`, 1)), RefusedChannel},
			{"no channel", in("everything"), []byte(genuine[1]), RefusedChannel},
			{"a known event's id and other content", in(department), g.seal(t, conflicting()), downlink.RefusedConflict},
			{"too large", in(department), bytes.Repeat([]byte("A"), maxPayload+1), downlink.RefusedSize},
			{"below no kiosk", "clinicgate/main/x//" + department, []byte(genuine[1]), RefusedTopic},
			{"an old question", haveTopic, []byte(question[1]), downlink.RefusedReplay},
			{"another's question", topic(siteName, "lobby-3", leafHave), []byte(question[1]), downlink.RefusedSignature},
			{"a question in another's name", haveTopic, g.seal(t, g.have(t, c, haveTopic, 1, line{Kiosk: "lobby-2", Channel: department})), RefusedTopic},
			{"a question nobody signed", haveTopic, g.seal(t, []byte(`{"action":"HAVE","held":[]}`)), downlink.RefusedUnsigned},
		} {
			before, size := b.exchange.Status().Refused[tt.want], b.store.Status().AuditSize
			g.broker.send(tt.topic, tt.payload)
			settle(100 * time.Millisecond)
			if got := b.exchange.Status().Refused[tt.want] - before; got != 1 {
				t.Errorf("%s: %s counts %d more, want 1: %v", tt.name, tt.want, got, b.exchange.Status().Refused)
			}
			if got := b.store.Status().AuditSize; got != size {
				t.Errorf("%s: %d records were written", tt.name, got-size)
			}
		}
		g.broker.send(genuine[0], []byte(genuine[1]))
		settle(time.Second)
		if s := b.exchange.Status(); s.Duplicates == 0 || s.Taken != 1 || b.holds(a, department) != 1 {
			t.Errorf("a message that came again counts %+v", s)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if n := len(b.told); n == 0 || n > 20 {
			t.Errorf("it was told %d times of refusals", n)
		}
	})
}

// Where nobody has told the time, a key that ends cannot be held against it. A
// listed key without an end, and the authority's where the registry lets it, count.
func TestKeysWithoutTime(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2"}, func(t *testing.T, g *group) {
		told, untold := g.members[0], g.members[1]
		untold.stop()
		untold.untold = true
		untold.start()
		settle(5 * time.Second)
		say := func(name string, s wire.Signer, seq uint64) {
			text, err := s.Message(storage.Record{Event: storage.Event{ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, name, seq)), Channel: department, Body: canonicalText(t, fmt.Sprintf(statusBody, seq))},
				Inc: 1, Seq: seq, HLC: storage.NewHLC(time.Now()), Boot: uuid.NewSHA1(uuid.Nil, []byte(name)), Synced: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range g.members {
				_ = m.exchange.arrived(context.Background(), topic(siteName, otherThan(m, g), department), g.seal(t, text))
			}
		}
		say("last", wire.Signer{Kiosk: "lobby-last", Key: g.ending}, 1)
		say("server", wire.Signer{Kiosk: downlink.Authority, Key: g.server}, 1)
		settle(time.Second)
		if s := told.exchange.Status(); s.Taken != 2 || len(s.Refused) != 0 {
			t.Errorf("with the time: %+v", s)
		}
		if s := untold.exchange.Status(); s.Taken != 1 || s.Refused[downlink.RefusedExpired] != 1 {
			t.Errorf("without the time: %+v", s)
		}
		untold.status(2)
		settle(time.Second)
		if n := told.holds(untold, department); n != 2 {
			t.Errorf("%d events of the kiosk without the time are there, want 2", n)
		}
	})
}

// A kiosk that is new to the site gets the newest, and does not give up the holes
// that PubNub will fill.
func TestTooFarAhead(t *testing.T) {
	inSite(t, []string{"lobby-1", "lobby-2"}, func(t *testing.T, g *group) {
		a, b := g.members[0], g.members[1]
		b.stop()
		a.status(downlink.Window + 50)
		settle(time.Minute)
		b.start()
		settle(2 * time.Minute)
		if n := b.holds(a, department); n != downlink.Window {
			t.Fatalf("lobby-2 holds %d events, want the last %d", n, downlink.Window)
		}
		for range 8 {
			a.status(downlink.Window/8 + 2)
			settle(2 * time.Second)
		}
		if n := b.holds(a, department); n != 2*downlink.Window {
			t.Errorf("lobby-2 holds %d events, want %d", n, 2*downlink.Window)
		}
		if b.exchange.Status().Refused[downlink.RefusedAhead] == 0 {
			t.Error("nothing was too far ahead")
		}
		held, err := b.exchange.inlet.Held(context.Background(), []string{a.id}, []string{department})
		if err != nil || len(held) != 1 || held[0].Seq != 0 {
			t.Errorf("a hole was given up: %+v, %v", held, err)
		}
	})
}

// What is read for what is held stays within its bounds and is read back as it was.
func TestHaveForm(t *testing.T) {
	var lines []line
	for i := range 2000 {
		l := line{Kiosk: "lobby-1", Channel: fmt.Sprint("queue.d", i), Inc: 1, Seq: uint64(i)}
		for r := range uint64(30) {
			l.Ahead = append(l.Ahead, [2]uint64{uint64(i) + 2 + 10*r, uint64(i) + 5 + 10*r})
		}
		lines = append(lines, l)
	}
	bodies, packed, err := parts(slices.Clone(lines))
	if err != nil || len(bodies) != maxParts {
		t.Fatalf("%d parts, %v", len(bodies), err)
	}
	n := 0
	for _, body := range bodies {
		if _, err := haveText(wire.Signer{Kiosk: "lobby-1", Key: seed("x")}, "t", storage.Instant{}, 1, body); err != nil {
			t.Fatal(err)
		}
		got, err := parseHave(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range got {
			want := lines[n]
			want.Ahead = want.Ahead[:maxRanges]
			if fmt.Sprint(l) != fmt.Sprint(want) {
				t.Fatalf("line %d is %v, want %v", n, l, want)
			}
			n++
		}
	}
	if n != packed || n == len(lines) {
		t.Errorf("%d of %d lines were said, and %d told", n, len(lines), packed)
	}
	for _, bad := range []string{
		`{}`, `{"action":"HAVE","held":[{"kiosk":"","channel":"c"}]}`, `{"action":"HAVE","held":[{"kiosk":"k","channel":"c","seq":5,"ahead":[[5,6]]}]}`,
		`{"action":"HAVE","held":[{"kiosk":"k","channel":"c","ahead":[[3,2]]}]}`, `{"action":"HAVE","held":[{"kiosk":"k","channel":"c","seq":9007199254740992}]}`,
		`{"action":"HAVE","held":[{"kiosk":"k","channel":"c","inc":-1}]}`, `[]`,
	} {
		if got, err := parseHave([]byte(bad)); err == nil {
			t.Errorf("%s was read as %v", bad, got)
		}
	}
}

func FuzzParseHave(f *testing.F) {
	f.Add([]byte(`{"action":"HAVE","held":[{"kiosk":"k","channel":"queue.c","inc":1,"seq":5,"ahead":[[7,9]]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, err := parseHave(body)
		if err != nil {
			return
		}
		for _, l := range lines {
			if l.has(l.top()+1) || l.amount() < l.Seq || l.Seq > 0 && !l.has(l.Seq) {
				t.Errorf("%+v contradicts itself", l)
			}
		}
		if again, err := json.Marshal(have{haveAction, lines}); err != nil || len(again) == 0 {
			t.Error(err)
		}
	})
}

func FuzzParseTopic(f *testing.F) {
	f.Add("clinicgate/main/x/lobby-1/queue.cardiology")
	f.Add("clinicgate/main/x/lobby-1/have")
	f.Add("clinicgate/main/x/+/#")
	f.Fuzz(func(t *testing.T, s string) {
		if writer, leaf, ok := parseTopic(siteName, s); ok && topic(siteName, writer, leaf) != s {
			t.Errorf("%q is read as %q, %q", s, writer, leaf)
		}
	})
}

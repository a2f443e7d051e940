package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

func kept(e *emulator.Emulator, channel string) []string {
	var out []string
	for _, m := range e.History(channel) {
		out = append(out, string(m.Payload))
	}
	return out
}

func (r *rig) try(payload string) answer {
	return r.call("POST", "/publish/pub/sub/0/a/0?uuid=u", payload)
}

func TestAnswerWithHeaderAndCount(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	f := r.emu.Faults().Add(emulator.Rule{
		Action: emulator.Answer, Kind: emulator.Publish, Channel: "a*", Skip: 1, Count: 2,
		Status: 429, Header: http.Header{"Retry-After": {"7"}}, Body: `{"status":429,"error":true,"message":"slow down"}`,
	})
	r.want(r.try("1"), 200, "Sent")
	for range 2 {
		a := r.try("2")
		r.want(a, 429, "slow down")
		if a.header.Get("Retry-After") != "7" {
			t.Fatalf("headers %v", a.header)
		}
	}
	r.want(r.try("3"), 200, "Sent")
	if got := kept(r.emu, "a"); !slices.Equal(got, []string{"1", "3"}) || f.Hits() != 2 || len(r.emu.Faults().Rules()) != 0 {
		t.Fatalf("kept %q, %d hits, rules %v", got, f.Hits(), r.emu.Faults().Rules())
	}
}

func TestRuleMatchesKindAndChannel(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Answer, Kind: emulator.Subscribe, Channel: "b", Status: 503, Body: "{}"})
	r.want(r.get("/v2/subscribe/sub/a/0"), 200, "")
	r.want(r.get("/v2/subscribe/sub/a,b/0"), 503, "")
	r.want(r.get("/publish/pub/sub/0/b/0/1"), 200, "")
	r.emu.Faults().Clear()
	r.want(r.get("/v2/subscribe/sub/b/0"), 200, "")
	for kind, target := range map[emulator.Kind]string{
		emulator.Publish: "/publish/pub/sub/0/a/0/1", emulator.Subscribe: "/v2/subscribe/sub/a/0", emulator.Time: "/time/0",
		emulator.History: v3 + "a", emulator.Objects: objects + "channels/a", emulator.Presence: here + "/channel/a",
		emulator.Actions: "/v1/message-actions/sub/channel/a", emulator.Groups: "/v1/channel-registration/sub-key/sub/channel-group/a",
	} {
		f := r.emu.Faults().Add(emulator.Rule{Action: emulator.Answer, Kind: kind, Status: 599, Body: "{}"})
		if a := r.get(target); a.status != 599 {
			t.Errorf("%s: got %d", kind, a.status)
		}
		f.Clear()
		if a := r.get(target); a.status == 599 {
			t.Errorf("%s: still failing when cleared", kind)
		}
	}
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Answer, Status: 599, Body: "{}"})
	r.want(r.get("/time/0"), 599, "")
}

func TestResetBeforeAndAfterAcceptance(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Count: 1})
	if a := r.try(`"before"`); !errors.Is(a.err, syscall.ECONNRESET) && !errors.Is(a.err, io.EOF) {
		t.Fatalf("got %+v", a)
	}
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Accept: true, Count: 1})
	if a := r.try(`"ack lost"`); a.err == nil {
		t.Fatalf("got %+v", a)
	}
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Answer, Status: 503, Accept: true, Count: 1})
	r.want(r.try(`"accepted, answered 503"`), 503, "")
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Truncate, Count: 1})
	if a := r.try(`"cut"`); a.status != 200 || a.err == nil || !strings.HasPrefix(a.body, `[1,"S`) {
		t.Fatalf("truncated: %+v", a)
	}
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Garbage, Count: 1})
	a := r.try(`"portal"`)
	r.want(a, 200, "<html>")
	if a.header.Get("Content-Type") != "text/html" {
		t.Fatalf("portal type %q", a.header.Get("Content-Type"))
	}
	if got := kept(r.emu, "a"); !slices.Equal(got, []string{`"ack lost"`, `"accepted, answered 503"`, `"cut"`}) {
		t.Fatalf("kept %q", got)
	}
}

func TestResetBreaksHeldPolls(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	present := func() bool {
		return strings.Contains(r.get(here+"/channel/a").body, `"occupancy":1`)
	}
	held := later(func() answer { return r.get("/v2/subscribe/sub/a/0?uuid=u&tt=1") })
	for !present() {
		time.Sleep(time.Millisecond)
	}
	other := r.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Kind: emulator.Subscribe, Channel: "b"})
	f := r.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Kind: emulator.Subscribe, Count: 1})
	if a := <-held; a.err == nil || f.Hits() != 1 || other.Hits() != 0 {
		t.Fatalf("got %+v, %d hits", a, f.Hits())
	}
}

func TestResetThatLetAPollThroughLeavesItAlone(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		b.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Kind: emulator.Subscribe, Skip: 1})
		held := later(func() answer { return b.get("/v2/subscribe/sub/a/0?tt=1") })
		synctest.Wait()
		b.emu.Faults().Add(emulator.Rule{Action: emulator.Slow}) // wakes it
		synctest.Wait()
		b.get("/publish/pub/sub/0/a/0/1")
		if a := <-held; a.status != 200 {
			b.t.Fatalf("got %+v", a)
		}
	})
}

func TestPublishFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{LongPoll: 50 * time.Millisecond})
	var tapped int
	r.emu.Tap(func(emulator.Message) { tapped++ })
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Duplicate, Count: 1})
	tt := r.publish("a", `"twice"`)
	h := r.emu.History("a")
	if len(h) != 2 || h[0].Timetoken == h[1].Timetoken || tapped != 2 {
		t.Fatalf("kept %+v, tapped %d", h, tapped)
	}
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Reorder, Count: 1, Wait: time.Minute})
	r.publish("a", `"first"`)
	if got := r.poll("a", tt); len(got.M) != 1 {
		t.Fatalf("held delivery came: %q", got.payloads())
	}
	r.publish("b", `"other channel"`)
	r.publish("a", `"second"`)
	got := r.poll("a", tt)
	if want := []string{`"twice"`, `"second"`, `"first"`}; !slices.Equal(got.payloads(), want) || got.M[2].P.T > got.M[1].P.T {
		t.Fatalf("got %q, want %q", got.payloads(), want)
	}
	if again := r.poll("a", got.T.T); len(again.M) != 0 {
		t.Fatalf("delivered again: %q", again.payloads())
	}
	if k := kept(r.emu, "a"); !slices.Equal(k, []string{`"twice"`, `"twice"`, `"first"`, `"second"`}) {
		t.Fatalf("history %q", k)
	}

	r.emu.Faults().Add(emulator.Rule{Action: emulator.FlipBit, Count: 1})
	const sent = `"UE5FRAFBQ1JIEGujnzlF3htw"`
	r.publish("c", sent)
	flipped := kept(r.emu, "c")[0]
	if flipped == sent || len(flipped) != len(sent) || !json.Valid([]byte(flipped)) {
		t.Fatalf("flipped %s", flipped)
	}
}

func TestLateVisibilityAndDelays(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		t, e := b.t, b.emu
		e.Faults().Add(emulator.Rule{Action: emulator.Hide, Wait: 3 * time.Second, Count: 1})
		b.get("/publish/pub/sub/0/a/0/1")
		if got := readEnvelope(t, b.get("/v2/subscribe/sub/a/0?tt=1").body); len(got.M) != 1 {
			t.Fatalf("live: %+v", got)
		}
		has := func() bool { return strings.Contains(b.get(v3+"a").body, `"message":1`) }
		if has() || len(e.History("a")) != 1 {
			t.Fatal("visible at once")
		}
		time.Sleep(3 * time.Second)
		if !has() {
			t.Fatal("never visible")
		}

		e.Faults().Add(emulator.Rule{Action: emulator.Reorder, Count: 1}) // released by time when nothing follows
		b.get("/publish/pub/sub/0/z/0/1")
		began := time.Now()
		if got := readEnvelope(t, b.get("/v2/subscribe/sub/z/0?tt=1").body); len(got.M) != 1 || time.Since(began) != time.Second {
			t.Fatalf("after %s: %+v", time.Since(began), got)
		}

		slow := e.Faults().Add(emulator.Rule{Action: emulator.Slow, Wait: 50 * time.Millisecond})
		began = time.Now()
		if a := b.get("/time/0"); a.status != 200 || time.Since(began) != 50*time.Millisecond {
			t.Fatalf("slow: %+v after %s", a, time.Since(began))
		}
		slow.Clear()

		e.Faults().Add(emulator.Rule{Action: emulator.Reset, Kind: emulator.Subscribe, Wait: 10 * time.Second, Count: 1})
		began = time.Now()
		if a := b.get("/v2/subscribe/sub/a/0?tt=9999999999999999"); a.err == nil || time.Since(began) != 10*time.Second {
			t.Fatalf("reset mid-poll: %+v after %s", a, time.Since(began))
		}
	})
}

func TestStallUntilClearedOrLeft(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		t, e := b.t, b.emu
		publish := func(ctx context.Context) answer { return b.getUntil(ctx, "/publish/pub/sub/0/a/0/1") }

		f := e.Faults().Add(emulator.Rule{Action: emulator.Stall, Accept: true, Count: 1})
		held := later(func() answer { return publish(t.Context()) })
		synctest.Wait()
		if len(e.History("a")) != 1 || f.Hits() != 1 {
			t.Fatalf("stored %d, %d hits", len(e.History("a")), f.Hits())
		}
		f.Clear() // used up, and still holding one
		if a := <-held; a.err == nil {
			t.Fatalf("got %+v", a)
		}

		e.Faults().Add(emulator.Rule{Action: emulator.Stall})
		held = later(func() answer { return publish(t.Context()) })
		synctest.Wait()
		e.Faults().Clear()
		if a := <-held; a.err == nil || len(e.History("a")) != 1 {
			t.Fatalf("got %+v, stored %d", a, len(e.History("a")))
		}

		e.Faults().Add(emulator.Rule{Action: emulator.Stall})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a := publish(ctx); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Fatalf("got %+v", a)
		}
	})
}

func TestFaultsAddUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Duplicate})
	r.emu.Faults().Add(emulator.Rule{Action: emulator.Reset, Accept: true, Count: 1})
	second := r.emu.Faults().Add(emulator.Rule{Action: emulator.Answer, Status: 503, Count: 1})
	if a := r.try("1"); a.err == nil || len(r.emu.History("a")) != 2 || second.Hits() != 0 {
		t.Fatalf("got %+v, stored %d, second rule hit %d", a, len(r.emu.History("a")), second.Hits())
	}
	r.want(r.try("2"), 503, "")
}

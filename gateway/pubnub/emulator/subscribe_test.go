package emulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

func TestHandshakeAnswersAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.publish("a", `"before"`)
	for _, query := range []string{"", "?tt=0&tr=0", "?ee="} {
		a := r.get("/v2/subscribe/sub/a/0" + query)
		var e envelope
		if err := json.Unmarshal([]byte(a.body), &e); err != nil || len(e.M) != 0 || !strings.Contains(a.body, `"m":[]`) {
			t.Fatalf("handshake %q: %s", query, a.body)
		}
		if len(e.T.T) != 17 || e.T.R != 12 {
			t.Fatalf("cursor %+v", e.T)
		}
	}
	r.want(r.get("/v2/subscribe/sub/a/0?tt=x"), 400, "Timetoken")
	r.want(r.get("/v2/subscribe/sub/a%20b/0"), 400, "Name")
}

func TestPollIsHeldUntilSomethingComes(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	start := r.poll("a,b", "0").T.T
	held := later(func() answer { return r.get("/v2/subscribe/sub/a,b/0?tt=" + start) })
	tt := r.publish("b", `"hello"`)
	got := readEnvelope(t, (<-held).body)
	if len(got.M) != 1 || got.M[0].P.T != tt || got.M[0].C != "b" {
		t.Fatalf("got %+v", got)
	}
}

func TestIdlePollEndsWithItsOwnCursor(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{LongPoll: 20 * time.Millisecond})
	start := r.poll("a", "0").T.T
	if got := r.poll("a", start); got.T.T != start || len(got.M) != 0 {
		t.Fatalf("got %+v, want cursor %s", got, start)
	}
}

func TestCatchUpAndSilentOverflow(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	start := r.poll("a,b", "0").T.T
	var all []string
	for i := range 250 {
		all = append(all, strconv.Itoa(i))
		r.emu.InjectRaw([]string{"a", "b"}[i%2], json.RawMessage(all[i]), "u")
	}
	got := r.poll("a,b", start)
	if !slices.Equal(got.payloads(), all[150:]) || got.T.T != got.M[99].P.T {
		t.Fatalf("got %d from %s", len(got.M), got.payloads()[0])
	}
	mid := got.M[89].P.T
	if got := r.poll("a,b", mid); !slices.Equal(got.payloads(), all[240:]) {
		t.Fatalf("after %s got %q", mid, got.payloads())
	}
	small := newRig(t, emulator.Options{BufferSize: 3, BufferAge: time.Hour})
	for i := range 10 {
		small.emu.InjectRaw("a", json.RawMessage(all[i]), "u")
	}
	if got := small.poll("a", "1"); !slices.Equal(got.payloads(), all[7:10]) {
		t.Fatalf("small buffer gave %q", got.payloads())
	}
}

func TestBufferAges(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRig(t, emulator.Options{Now: func() time.Time { return now }, LongPoll: 20 * time.Millisecond})
	r.publish("a", `"old"`)
	now = now.Add(21 * time.Minute)
	if got := r.poll("a", "1"); len(got.M) != 0 {
		t.Fatalf("got %q from an aged buffer", got.payloads())
	}
	if h := r.emu.History("a"); len(h) != 1 {
		t.Fatalf("history %+v", h)
	}
}

func TestWildcardNamesItsMatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	start := r.poll("a.%2A", "0").T.T
	for _, name := range []string{"a.b", "a.b.c", "ab", "b.a"} {
		r.publish(name, `"`+name+`"`)
	}
	got := r.poll("a.%2A", start)
	if want := []string{`"a.b"`, `"a.b.c"`}; !slices.Equal(got.payloads(), want) || got.M[1].B != "a.*" || got.M[1].C != "a.b.c" {
		t.Fatalf("got %+v", got)
	}
	if got := r.poll("a.b.*", start); len(got.M) != 1 || got.M[0].B != "a.b.*" {
		t.Fatalf("two levels: got %+v", got)
	}
	if got := r.poll("a.*,a.b", start); len(got.M) != 2 || got.M[0].B != "a.b" || got.M[1].B != "a.*" {
		t.Fatalf("direct and wildcard: got %+v", got)
	}
	off := newRig(t, emulator.Options{NoWildcard: true, LongPoll: 20 * time.Millisecond})
	off.publish("a.b", "1")
	if got := off.poll("a.*", "1"); len(got.M) != 0 {
		t.Fatalf("wildcard off: got %+v", got)
	}
}

func TestChannelGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	const at = "/v1/channel-registration/sub-key/sub/channel-group"
	r.want(r.get(at+"/g?add=a,b"), 200, `"message":"OK"`)
	r.wantJSON(r.get(at+"/g"), 200, `{"error":false,"payload":{"channels":["a","b"],"group":"g"},"service":"channel-registry","status":200}`)
	start := r.poll(",", "0", "channel-group=g").T.T
	r.publish("b", "1")
	if got := r.poll(",", start, "channel-group=g"); len(got.M) != 1 || got.M[0].B != "g" || got.M[0].C != "b" {
		t.Fatalf("got %+v", got)
	}
	r.want(r.get(at+"/g?add=c"), 200, "OK")
	r.want(r.get(at+"/g?remove=a,b"), 200, "OK")
	r.want(r.get(at), 200, `"groups":["g"]`)
	r.want(r.get(at+"/g/remove"), 200, "OK")
	r.want(r.get(at+"/g"), 200, `"channels":[]`)
	r.want(r.get(at+"/g?add=a%20b"), 400, "Invalid name")
	var many []string
	for i := range 2001 {
		many = append(many, strconv.Itoa(i))
	}
	r.want(r.get(at+"/g?add="+strings.Join(many, ",")), 400, "Maximum channels")
	r.want(r.get(at+"/g?add="+strings.Join(many[:2000], ",")), 200, "OK")
}

func TestHeldPollNoticesANewMember(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		const at = "/v1/channel-registration/sub-key/sub/channel-group/g"
		held := later(func() answer { return b.get("/v2/subscribe/sub/,/0?channel-group=g&tt=1") })
		synctest.Wait()
		b.get(at + "?add=c")
		synctest.Wait()
		b.get("/publish/pub/sub/0/c/0/1")
		if got := readEnvelope(b.t, (<-held).body); len(got.M) != 1 || got.M[0].C != "c" {
			b.t.Fatalf("got %+v", got)
		}
	})
}

func TestFilterExpression(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{LongPoll: 30 * time.Millisecond})
	r.publish("a", `"urgent"`, "meta="+escape(`{"priority":9,"tags":["x","y"]}`))
	r.publish("a", `"plain"`)
	r.publish("a", `"low"`, "meta="+escape(`{"priority":1}`))
	filter := func(text string) []string {
		return r.poll("a", "1", "filter-expr="+escape(text)).payloads()
	}
	for text, want := range map[string][]string{
		`priority > 5`:                      {`"urgent"`},
		`priority < 5 || tags CONTAINS 'x'`: {`"urgent"`, `"low"`},
		`uuid == "kiosk-1"`:                 {`"urgent"`, `"plain"`, `"low"`},
		`uuid != 'kiosk-1'`:                 nil,
		`!(priority > 5)`:                   {`"low"`},
	} {
		if got := filter(text); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	r.want(r.get("/v2/subscribe/sub/a/0?filter-expr="+escape("priority >")), 400, "Filter")
}

func TestManySubscribersSeeEachMessageOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{BufferSize: 1000})
	const readers, messages = 8, 200
	start := r.poll("a", "0").T.T
	results := make(chan error, readers)
	for range readers {
		go func() {
			at, seen := start, 0
			for seen < messages {
				a := r.get("/v2/subscribe/sub/a/0?tt=" + at)
				var e envelope
				if a.err != nil || json.Unmarshal([]byte(a.body), &e) != nil {
					results <- fmt.Errorf("poll answered %d %v", a.status, a.err)
					return
				}
				for _, m := range e.M {
					if string(m.D) != strconv.Itoa(seen) {
						results <- fmt.Errorf("got %s, want %d", m.D, seen)
						return
					}
					seen++
				}
				at = e.T.T
			}
			results <- nil
		}()
	}
	for i := range messages {
		r.emu.InjectRaw("a", json.RawMessage(strconv.Itoa(i)), "u")
	}
	for range readers {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseEndsHeldPolls(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	held := later(func() answer { return r.get("/v2/subscribe/sub/a/0?uuid=u&tt=1") })
	for !strings.Contains(r.get("/v2/presence/sub-key/sub/channel/a").body, `"occupancy":1`) {
		time.Sleep(time.Millisecond)
	}
	r.emu.Close()
	r.emu.Close()
	if a := <-held; a.err == nil {
		t.Fatalf("held poll answered %d %s", a.status, a.body)
	}
	if a := r.get("/time/0"); a.err == nil {
		t.Fatalf("closed emulator answered %d", a.status)
	}
}

package emulator_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

const here = "/v2/presence/sub-key/sub"

func TestHereNowForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.get("/v2/subscribe/sub/a,a-pnpres,b/0?uuid=u2")
	r.get("/v2/subscribe/sub/a/0?uuid=u1&state=%7B%22a%22%3A%7B%22mood%22%3A%22ok%22%7D%7D")
	r.wantJSON(r.get(here+"/channel/a"), 200, `{"message":"OK","occupancy":2,"service":"Presence","status":200,"uuids":["u1","u2"]}`)
	r.wantJSON(r.get("/v2/presence/sub_key/sub/channel/a?state=1&disable-uuids=0"), 200,
		`{"message":"OK","occupancy":2,"service":"Presence","status":200,"uuids":[{"state":{"mood":"ok"},"uuid":"u1"},{"uuid":"u2"}]}`)
	r.wantJSON(r.get(here+"/channel/a?disable-uuids=1"), 200, `{"message":"OK","occupancy":2,"service":"Presence","status":200}`)
	r.want(r.get(here+"/channel/a?limit=1&offset=1"), 200, `"uuids":["u2"]`)
	r.wantJSON(r.get(here+"/channel/a,b"), 200, `{"message":"OK","payload":{"channels":{"a":{"occupancy":2,"uuids":["u1","u2"]},`+
		`"b":{"occupancy":1,"uuids":["u2"]}},"total_channels":2,"total_occupancy":3},"service":"Presence","status":200}`)
	r.want(r.get("/v2/presence/sub_key/sub"), 200, `"total_channels":2,"total_occupancy":3`)
	r.want(r.get(here+"/channel/empty"), 200, `"occupancy":0,"service":"Presence","status":200,"uuids":[]`)
	r.wantJSON(r.get(here+"/uuid/u2"), 200, `{"message":"OK","payload":{"channels":["a","b"]},"service":"Presence","status":200}`)
	r.want(r.get(here+"/uuid/nobody"), 200, `"channels":[]`)
}

func TestStateLivesAsLongAsThePresence(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.wantJSON(r.get(here+"/channel/a/uuid/u1/data?state=%7B%22s%22%3A1%7D"), 200,
		`{"message":"OK","payload":{"s":1},"service":"Presence","status":200}`)
	r.wantJSON(r.get(here+"/channel/a/uuid/u1?channel-group="), 200,
		`{"channel":"a","message":"OK","payload":{"s":1},"service":"Presence","status":200,"uuid":"u1"}`)
	r.want(r.get(here+"/channel/a,b/uuid/u1"), 200, `"payload":{"channels":{"a":{"s":1},"b":{}}}`)
	r.get(here + "/channel/a/heartbeat?uuid=u1")
	r.want(r.get(here+"/channel/a/leave?uuid=u1"), 200, `"action":"leave"`)
	r.want(r.get(here+"/channel/a/uuid/u1"), 200, `"payload":{}`)
	r.want(r.get(here+"/channel/a/uuid/u1/data?state=nope"), 400, `"error":1`)
}

func TestPresenceEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	start := r.poll("wait.a", "0").T.T
	r.get(here + "/channel/wait.a/heartbeat?uuid=u1&heartbeat=300")
	r.get(here + "/channel/wait.a/uuid/u1/data?state=%7B%22s%22%3A1%7D")
	r.get(here + "/channel/wait.a/uuid/u1/data?state=%7B%22s%22%3A1%7D") // no change, no event
	r.get(here + "/channel/wait.a/heartbeat?uuid=u1&state=%7B%22wait.a%22%3A%7B%22s%22%3A2%7D%7D")
	r.get(here + "/channel/wait.a/leave?uuid=u1")
	for _, list := range []string{"wait.a-pnpres", "wait.*-pnpres"} {
		got := r.poll(list, start)
		var seen []string
		for _, m := range got.M {
			var d struct {
				Action, UUID string
				Timestamp    int64
				Occupancy    int
				Data         json.RawMessage
			}
			if err := json.Unmarshal(m.D, &d); err != nil || d.Timestamp < 1_600_000_000 || d.Timestamp > 1<<40 {
				t.Fatalf("event %s: %v", m.D, err)
			}
			if m.C != "wait.a-pnpres" || m.B != list || m.E != 0 {
				t.Fatalf("event %+v on %s", m, list)
			}
			seen = append(seen, d.Action+" "+d.UUID+" "+string('0'+rune(d.Occupancy))+" "+string(d.Data))
		}
		want := []string{"join reader 1 ", "join u1 2 ", `state-change u1 2 {"s":1}`, `state-change u1 2 {"s":2}`, "leave u1 1 "}
		if !slices.Equal(seen, want) {
			t.Fatalf("%s: got %q, want %q", list, seen, want)
		}
	}
}

func TestGroupPresence(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.get("/v1/channel-registration/sub-key/sub/channel-group/g?add=a,b")
	start := r.poll(",", "0", "channel-group=g").T.T
	got := r.poll(",", start, "channel-group=g-pnpres")
	if len(got.M) != 2 || got.M[0].B != "g-pnpres" || got.M[0].C != "a-pnpres" || got.M[1].C != "b-pnpres" {
		t.Fatalf("got %+v", got)
	}
	r.want(r.get(here+"/channel/,?channel-group=g"), 200, `"total_occupancy":2`)
}

// bubble drives an emulator without sockets, on virtual time.
type bubble struct {
	t   *testing.T
	emu *emulator.Emulator
	c   *http.Client
}

func inBubble(t *testing.T, o emulator.Options, test func(bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.PublishKey, o.SubscribeKey = "pub", "sub"
		e := emulator.New(o)
		defer e.Close()
		test(bubble{t, e, &http.Client{Transport: e.Transport()}})
	})
}

func (b bubble) get(target string) answer { return b.getUntil(b.t.Context(), target) }

func (b bubble) getUntil(ctx context.Context, target string) answer {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://pubnub.test"+target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return do(b.c, req)
}

func TestPresenceTimesOutOnVirtualTime(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		t := b.t
		start := readEnvelope(t, b.get("/v2/subscribe/sub/a/0").body).T.T
		b.get(here + "/channel/a/heartbeat?uuid=short&heartbeat=20")
		b.get(here + "/channel/a/heartbeat?uuid=long")

		// a held poll keeps its user present for as long as it is held
		polling, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.getUntil(polling, "/v2/subscribe/sub/other,a/0?uuid=held&heartbeat=20&tt=9999999999999999")
		}()
		synctest.Wait()
		occupancy := func(want string) {
			t.Helper()
			if a := b.get(here + "/channel/a"); !strings.Contains(a.body, want) {
				t.Fatalf("at %s got %s, want %s", time.Now().Format(time.TimeOnly), a.body, want)
			}
		}
		time.Sleep(19 * time.Second)
		occupancy(`"uuids":["held","long","short"]`)
		time.Sleep(2 * time.Second)
		occupancy(`"uuids":["held","long"]`)
		time.Sleep(200 * time.Second)
		stop()
		<-ended
		time.Sleep(21 * time.Second)
		occupancy(`"uuids":["long"]`)
		time.Sleep(100 * time.Second)
		occupancy(`"occupancy":0`)

		got := readEnvelope(t, b.get("/v2/subscribe/sub/a-pnpres/0?tt="+start).body)
		var seen []string
		for _, m := range got.M {
			var d struct{ Action, UUID string }
			_ = json.Unmarshal(m.D, &d)
			seen = append(seen, d.Action+" "+d.UUID)
		}
		want := []string{"join short", "join long", "join held", "timeout short", "timeout held", "timeout long"}
		if !slices.Equal(seen, want) {
			t.Fatalf("got %q, want %q", seen, want)
		}
	})
}

func TestLongPollOnVirtualTime(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{}, func(b bubble) {
		t, e := b.t, b.emu
		began := time.Now()
		if a := b.get("/v2/subscribe/sub/a/0?tt=1"); a.status != 200 || time.Since(began) != 280*time.Second {
			t.Fatalf("poll answered %d after %s", a.status, time.Since(began))
		}
		e.Faults().Add(emulator.Rule{Action: emulator.Truncate, Count: 1})
		if a := b.get("/time/0"); a.err != io.ErrUnexpectedEOF || a.status != 200 {
			t.Fatalf("truncated reply: %+v", a)
		}
		e.Faults().Add(emulator.Rule{Action: emulator.Stall, Kind: emulator.Time, Count: 1})
		began = time.Now()
		if a := b.get("/time/0"); a.err == nil || time.Since(began) != 5*time.Minute {
			t.Fatalf("stall ended after %s: %+v", time.Since(began), a)
		}
	})
}

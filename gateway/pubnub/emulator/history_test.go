package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

type historyPage struct {
	Status   int
	Error    bool
	Channels map[string][]struct {
		Message     json.RawMessage
		Timetoken   string
		UUID        *string
		MessageType *int   `json:"message_type"`
		CustomType  string `json:"custom_message_type"`
		Meta        json.RawMessage
		Actions     map[string]map[string][]struct{ UUID, ActionTimetoken string }
	}
}

func (r *rig) history(target string) historyPage {
	r.Helper()
	a := r.get(target)
	var p historyPage
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 || p.Status != 200 || p.Error {
		r.Fatalf("history answered %d %s %v", a.status, a.body, err)
	}
	return p
}

func (p historyPage) payloads(channel string) []string {
	var out []string
	for _, m := range p.Channels[channel] {
		out = append(out, string(m.Message))
	}
	return out
}

// numbered publishes n numbers and returns their timetokens.
func numbered(r *rig, channel string, n int) []string {
	var tts []string
	for i := range n {
		tts = append(tts, strconv.FormatInt(r.emu.InjectRaw(channel, json.RawMessage(strconv.Itoa(i)), "u"), 10))
	}
	return tts
}

func numbers(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, strconv.Itoa(i))
	}
	return out
}

const v3 = "/v3/history/sub-key/sub/channel/"

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	tts := numbered(r, "a", 250)
	numbered(r, "b", 30)
	for _, c := range []struct {
		query    string
		from, to int
	}{
		{"", 150, 250},
		{"?max=1000", 150, 250},
		{"?max=3", 247, 250},
		{"?start=" + tts[150], 50, 150}, // exclusive, older
		{"?end=" + tts[240], 240, 250},  // inclusive
		{"?start=" + tts[20] + "&end=" + tts[5], 5, 20},
		{"?start=" + tts[20] + "&end=" + tts[5] + "&max=4", 16, 20},
		{"?reverse=true&max=10", 0, 10},
		{"?reverse=true&max=10&start=" + tts[99], 100, 110}, // exclusive, newer
		{"?reverse=true&start=" + tts[99] + "&end=" + tts[104], 100, 105},
		{"?start=" + tts[0], 0, 0},
	} {
		p := r.history(v3 + "a" + c.query)
		if got := p.payloads("a"); !slices.Equal(got, numbers(c.from, c.to)) {
			t.Errorf("%s: got %q, want %d to %d", c.query, got, c.from, c.to)
		}
	}
	p := r.history(v3 + "a,b,none")
	if !slices.Equal(p.payloads("a"), numbers(225, 250)) || !slices.Equal(p.payloads("b"), numbers(5, 30)) || len(p.Channels) != 2 {
		t.Fatalf("several: %+v", p)
	}
	r.wantJSON(r.get(v3+"a?start=x"), 400, `{"channels":{},"error":true,"error_message":"Invalid Arguments: start","status":400}`)
	r.want(r.get(v3+"a?end=x"), 400, "Invalid Arguments: end")
	r.want(r.get(v3+","), 400, "channel")
}

func TestHistoryItems(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	tt := r.publish("é", `{"n":1}`, "meta="+url.QueryEscape(`{"k":1}`), "custom_message_type=check-in")
	r.publish("é", `"plain"`)
	p := r.history(v3 + "%C3%A9?include_meta=true&include_uuid=true&include_message_type=true&include_custom_message_type=true")
	items := p.Channels["%C3%A9"]
	if len(items) != 2 {
		t.Fatalf("got %+v", p)
	}
	m := items[0]
	if m.Timetoken != tt || *m.UUID != "kiosk-1" || *m.MessageType != 0 || string(m.Meta) != `{"k":1}` || m.CustomType != "check-in" {
		t.Fatalf("got %+v", m)
	}
	if string(items[1].Meta) != `""` {
		t.Fatalf("meta of a message without is %s", items[1].Meta)
	}
	m = r.history(v3 + "%C3%A9?encode_channels=false").Channels["é"][0]
	if m.UUID != nil || m.MessageType != nil || m.Meta != nil {
		t.Fatalf("unasked members: %+v", m)
	}
}

func TestHistoryV2(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	tts := numbered(r, "a", 3)
	const at = "/v2/history/sub-key/sub/channel/a"
	r.wantJSON(r.get(at), 200, fmt.Sprintf("[[0,1,2],%s,%s]", tts[0], tts[2]))
	r.wantJSON(r.get(at+"?count=1&reverse=true"), 200, fmt.Sprintf("[[0],%s,%s]", tts[0], tts[0]))
	r.wantJSON(r.get(at+"?count=1&include_token=true&include_meta=true"), 200,
		fmt.Sprintf(`[[{"message":2,"meta":null,"timetoken":%s}],%s,%s]`, tts[2], tts[2], tts[2]))
	r.wantJSON(r.get("/v2/history/sub-key/sub/channel/none"), 200, "[[],0,0]")
}

func TestMessageCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	a, b := numbered(r, "a", 5), numbered(r, "b", 5)
	const at = "/v3/history/sub-key/sub/message-counts/"
	r.wantJSON(r.get(at+"a,b,c?timetoken="+a[1]), 200, `{"channels":{"a":3,"b":5,"c":0},"error":false,"error_message":"","status":200}`)
	r.want(r.get(at+"a,b?channelsTimetoken="+a[3]+","+b[0]), 200, `{"a":1,"b":4}`)
	r.want(r.get(at+"a,b,c?channelsTimetoken="+a[3]+","+b[0]), 400, "channelsTimetoken")
	r.want(r.get(at+"a?timetoken=x"), 400, "timetoken")
}

func TestDeleteFromHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inclusive bool
		want      []string
	}{{false, []string{"0", "1", "2", "5"}}, {true, []string{"0", "1", "4", "5"}}} {
		r := newRig(t, emulator.Options{DeleteStartInclusive: c.inclusive})
		tts := numbered(r, "a", 6)
		r.wantJSON(r.call("DELETE", v3+"a?start="+tts[2]+"&end="+tts[4], ""), 200, `{"error":false,"error_message":"","status":200}`)
		if got := r.history(v3 + "a").payloads("a"); !slices.Equal(got, c.want) {
			t.Fatalf("inclusive %v: got %q, want %q", c.inclusive, got, c.want)
		}
		r.want(r.call("DELETE", v3+"a", ""), 200, "")
		if got := r.emu.History("a"); len(got) != 0 {
			t.Fatalf("left %+v", got)
		}
	}
	r := newRig(t, emulator.Options{NoDelete: true})
	r.want(r.call("DELETE", v3+"a", ""), 403, `"error_message"`)
}

func TestPersistenceOffAndTTL(t *testing.T) {
	t.Parallel()
	off := newRig(t, emulator.Options{NoPersistence: true})
	off.publish("a", "1")
	off.want(off.get(v3+"a"), 403, "persistence")
	if got := off.poll("a", "1"); len(got.M) != 1 {
		t.Fatalf("live delivery without persistence: %+v", got)
	}
	now := time.Unix(1_700_000_000, 0)
	r := newRig(t, emulator.Options{Now: func() time.Time { return now }})
	r.publish("a", `"short"`, "ttl=0.5")
	r.publish("a", `"for good"`, "ttl=0")
	now = now.Add(31 * time.Minute)
	if got := r.history(v3 + "a").payloads("a"); !slices.Equal(got, []string{`"for good"`}) {
		t.Fatalf("after the ttl: %q", got)
	}
}

func TestMessageActions(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	tt := r.publish("a", `"m"`)
	at := "/v1/message-actions/sub/channel/a"
	add := func(uuid, value string) answer {
		return r.call("POST", at+"/message/"+tt+"?uuid="+uuid, `{"type":"receipt","value":"`+value+`"}`)
	}
	a := add("u1", "read")
	r.want(a, 200, `"uuid":"u1","value":"read"`)
	r.want(add("u1", "read"), 409, `"source":"actions"`)
	r.want(add("u2", "read"), 200, "")
	r.want(r.call("POST", at+"/message/"+tt+"?uuid=u1", `{}`), 400, "")
	var one struct {
		Data struct{ ActionTimetoken string }
	}
	_ = json.Unmarshal([]byte(a.body), &one)

	p := r.history("/v3/history-with-actions/sub-key/sub/channel/a")
	if got := p.Channels["a"][0].Actions["receipt"]["read"]; len(got) != 2 || got[0].UUID != "u1" || got[0].ActionTimetoken != one.Data.ActionTimetoken {
		t.Fatalf("actions in history: %+v", p)
	}
	r.want(r.get(at+"?limit=1"), 200, `"more":{"limit":1,"start":`)
	if a := r.get(at); strings.Count(a.body, `"actionTimetoken"`) != 2 || strings.Contains(a.body, "more") {
		t.Fatalf("got %s", a.body)
	}
	r.want(r.call("DELETE", at+"/message/"+tt+"/action/"+one.Data.ActionTimetoken, ""), 200, `{"data":{},"status":200}`)
	r.want(r.call("DELETE", at+"/message/"+tt+"/action/"+one.Data.ActionTimetoken, ""), 404, "")
	got := r.poll("a", tt)
	if len(got.M) != 3 || got.M[0].E != 3 || got.M[0].I != "u1" || !strings.Contains(string(got.M[2].D), `"event":"removed"`) {
		t.Fatalf("events: %+v", got)
	}
	if strings.Contains(string(got.M[0].D), `"uuid"`) {
		t.Fatalf("event data names the actor: %s", got.M[0].D)
	}
}

package pubnub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"clinicgate/gateway/pubnub"
)

func TestSetState(t *testing.T) {
	t.Parallel()
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if want := "/v2/presence/sub-key/sub-key/channel/presence.providers.cardiology/uuid/lobby-1/data"; r.URL.Path != want {
			t.Errorf("asked %s, want %s", r.URL.Path, want)
		}
		var state map[string]string
		if err := json.Unmarshal([]byte(r.URL.Query().Get("state")), &state); err != nil || state["status"] != "away & back + 1" {
			t.Errorf("state %v, %v", state, err)
		}
		reply(w, 200, `{"status":200,"message":"OK","payload":{"status":"away"},"service":"Presence"}`)
	})
	if err := c.SetState(t.Context(), "presence.providers.cardiology", map[string]string{"status": "away & back + 1"}); err != nil {
		t.Error(err)
	}
	if err := c.SetState(t.Context(), "", nil); classOf(err) != pubnub.Refused {
		t.Error(err)
	}
	c = origin(t, raw(`{"status":400,"error":1,"message":"no","service":"Presence"}`))
	if err := c.SetState(t.Context(), "a", map[string]string{"a": "b"}); classOf(err) != pubnub.Unknown {
		t.Error(err)
	}
}

func TestHereNow(t *testing.T) {
	t.Parallel()
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v2/presence/sub-key/sub-key/channel/a%3Fb" || r.URL.Query().Get("state") != "1" {
			t.Errorf("asked %s", r.URL)
		}
		reply(w, 200, `{"status":200,"message":"OK","service":"Presence","uuids":["u1",{"uuid":"dr-smith","state":{"status":"available","n":3}},{"uuid":"u3"}],"occupancy":3}`)
	})
	got, err := c.HereNow(t.Context(), "a?b")
	if want := `[{u1 map[]} {dr-smith map[n:3 status:available]} {u3 map[]}]`; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	for _, body := range []string{`{}`, `[]`, `{"uuids":null}`, `{"uuids":[7]}`, `{"uuids":"x"}`} {
		c := origin(t, raw(body))
		if got, err := c.HereNow(t.Context(), "a"); classOf(err) != pubnub.Temporary {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
	c = origin(t, raw(`{"status":200,"uuids":[],"occupancy":0}`))
	if got, err := c.HereNow(t.Context(), "a"); err != nil || len(got) != 0 {
		t.Errorf("nobody: %v, %v", got, err)
	}
}

func TestPresenceEvents(t *testing.T) {
	t.Parallel()
	event := func(payload string) pubnub.Message {
		return pubnub.Message{Kind: pubnub.KindPresence, Payload: json.RawMessage(payload)}
	}
	p, ok := event(`{"action":"state-change","uuid":"dr-smith","timestamp":1700000000,"occupancy":3,"data":{"status":"away","n":1}}`).Presence()
	if want := `{state-change dr-smith map[n:1 status:away] [] [] [] 3}`; !ok || fmt.Sprint(p) != want {
		t.Errorf("got %v, want %s", p, want)
	}
	p, ok = event(`{"action":"interval","occupancy":9,"join":["a","b"],"leave":["c"],"here_now_refresh":"yes"}`).Presence()
	if !ok || fmt.Sprint(p.Join, p.Leave, p.Timeout) != "[a b] [c] []" {
		t.Errorf("got %v", p)
	}
	for _, payload := range []string{``, `null`, `"join"`, `{}`, `{"action":5}`, `{"action":"join","data":"x"}`} {
		if p, ok := event(payload).Presence(); ok {
			t.Errorf("%s: %v", payload, p)
		}
	}
	if _, ok := (pubnub.Message{Payload: json.RawMessage(`{"action":"join"}`)}).Presence(); ok {
		t.Error("an ordinary message passes for a presence event")
	}
	if pubnub.PresenceChannel("a") != "a-pnpres" {
		t.Error(pubnub.PresenceChannel("a"))
	}
}

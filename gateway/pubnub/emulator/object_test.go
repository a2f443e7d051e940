package emulator_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clinicgate/gateway/pubnub/emulator"
)

const objects = "/v2/objects/sub/"

type objectAnswer struct {
	Status     int
	Data       json.RawMessage
	Next, Prev string
	TotalCount int
}

func readObject(t *testing.T, a answer) (out struct {
	objectAnswer
	Record map[string]any
	List   []map[string]any
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &out.objectAnswer); err != nil || a.status != 200 {
		t.Fatalf("answered %d %s %v", a.status, a.body, a.err)
	}
	_ = json.Unmarshal(out.Data, &out.Record)
	_ = json.Unmarshal(out.Data, &out.List)
	return out
}

func TestChannelMetadataUnderIfMatch(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	at := objects + "channels/queue.cardiology"
	r.wantJSON(r.get(at), 404, `{"error":{"message":"Requested object was not found.","source":"objects"},"status":404}`)

	first := readObject(t, r.call("PATCH", at+"?include=custom", `{"name":"Q","custom":{"queueState":"x","n":1,"b":true}}`)).Record
	if first["id"] != "queue.cardiology" || first["name"] != "Q" || first["custom"].(map[string]any)["n"] != 1.0 || len(first["updated"].(string)) != 27 {
		t.Fatalf("got %v", first)
	}
	etag := first["eTag"].(string)
	second := readObject(t, r.call("PATCH", at, `{"custom":{"queueState":"y"}}`, "If-Match", etag)).Record
	if second["eTag"] == etag || second["custom"] != nil || second["name"] != "Q" {
		t.Fatalf("got %v", second)
	}
	stale := r.call("PATCH", at, `{"custom":{"queueState":"z"}}`, "If-Match", `"`+etag+`"`)
	r.want(stale, 412, `"location":"If-Match","locationType":"header"`)
	got := readObject(t, r.get(at+"?include=custom,status,type")).Record
	if c := got["custom"].(map[string]any); len(c) != 1 || c["queueState"] != "y" { // replaced whole
		t.Fatalf("got %v", got)
	}
	r.want(r.call("PATCH", at, `{}`, "If-Match", got["eTag"].(string)), 200, got["eTag"].(string))
	r.want(r.call("PATCH", objects+"channels/new", `{}`, "If-Match", "any"), 412, "")

	r.wantJSON(r.call("DELETE", at, ""), 200, `{"data":null,"status":200}`)
	r.want(r.get(at), 404, "")
}

func TestMetadataRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	set := func(path, body string) answer { return r.call("PATCH", objects+path, body) }
	r.want(set("channels/a", `{"custom":{"deep":{"x":1}}}`), 400, "custom.deep")
	r.want(set("channels/a", `{"custom":{"list":[1]}}`), 400, "custom.list")
	r.want(set("channels/a", `{"custom":{"nil":null}}`), 400, "custom.nil")
	r.want(set("channels/a", `{"custom":7}`), 400, "custom")
	r.want(set("channels/a", `{"name":7}`), 400, `"location":"name"`)
	r.want(set("channels/a", `nope`), 400, "invalid input")
	r.want(set("channels/a", `null`), 400, "invalid input")
	r.want(set("channels/a%20b", `{}`), 400, "id")
	r.want(set("channels/a", `{"custom":{"big":"`+strings.Repeat("x", 33000)+`"}}`), 413, "too large")
	r.want(r.get(objects+"channels/a"), 404, "")
	r.want(set("channels/a", `{"name":"n","description":"d","status":"s","type":"t","custom":null}`), 200, `"description":"d"`)
	r.want(set("channels/a", `{"description":null}`), 200, `"description":null,"eTag"`)
}

func TestUserMetadataAndLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	for i := range 5 {
		body := `{"name":"n` + strconv.Itoa(4-i) + `","externalId":"x","profileUrl":"p","email":"e","custom":{"rank":` + strconv.Itoa(i) + `}}`
		r.want(r.call("PATCH", objects+"uuids/u"+strconv.Itoa(i), body), 200, `"externalId":"x"`)
	}
	ids := func(query string) ([]string, objectAnswer) {
		l := readObject(t, r.get(objects+"uuids?"+query))
		var out []string
		for _, one := range l.List {
			out = append(out, one["id"].(string))
		}
		return out, l.objectAnswer
	}
	for query, want := range map[string][]string{
		"":                            {"u0", "u1", "u2", "u3", "u4"},
		"sort=name":                   {"u4", "u3", "u2", "u1", "u0"},
		"sort=email,custom.rank:desc": {"u4", "u3", "u2", "u1", "u0"},
		"filter=" + escape(`custom.rank >= 3 || name == "n4"`): {"u0", "u3", "u4"},
		"filter=" + escape(`name LIKE "n*" && !(id == 'u0')`):  {"u1", "u2", "u3", "u4"},
	} {
		if got, _ := ids(query); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	got, page := ids("limit=2&count=1")
	if !slices.Equal(got, []string{"u0", "u1"}) || page.TotalCount != 5 || page.Next == "" || page.Prev != "" {
		t.Fatalf("first page %q %+v", got, page)
	}
	got, page = ids("limit=2&start=" + page.Next)
	if !slices.Equal(got, []string{"u2", "u3"}) {
		t.Fatalf("second page %q", got)
	}
	if got, page = ids("limit=2&start=" + page.Next); !slices.Equal(got, []string{"u4"}) || page.Next != "" {
		t.Fatalf("last page %q %+v", got, page)
	}
	if got, _ = ids("limit=2&end=" + page.Prev); !slices.Equal(got, []string{"u2", "u3"}) {
		t.Fatalf("page back %q", got)
	}
	r.want(r.get(objects+"uuids?start=!"), 400, "page")
	r.want(r.get(objects+"uuids?filter=("), 400, "filter")
}

func TestMembersAndMemberships(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	start := r.poll("c1,u1", "0").T.T
	r.call("PATCH", objects+"uuids/u1", `{"name":"Dr","custom":{"k":"v"}}`)
	a := r.call("PATCH", objects+"channels/c1/uuids?include=custom,uuid,uuid.custom&count=1",
		`{"set":[{"uuid":{"id":"u1"},"custom":{"role":"lead"}},{"uuid":{"id":"u2"},"custom":null}],"delete":[]}`)
	l := readObject(t, a)
	if l.TotalCount != 2 || l.List[0]["uuid"].(map[string]any)["name"] != "Dr" || l.List[0]["custom"].(map[string]any)["role"] != "lead" ||
		l.List[0]["uuid"].(map[string]any)["custom"].(map[string]any)["k"] != "v" || l.List[1]["uuid"].(map[string]any)["id"] != "u2" {
		t.Fatalf("got %s", a.body)
	}
	plain := readObject(t, r.get(objects+"uuids/u1/channels")).List
	if len(plain) != 1 || len(plain[0]["channel"].(map[string]any)) != 1 || plain[0]["custom"] != nil {
		t.Fatalf("got %v", plain)
	}
	r.want(r.get(objects+"uuids/u1/channels?filter="+escape("channel.id == 'other'")), 200, `"data":[]`)
	r.want(r.call("PATCH", objects+"uuids/u1/channels", `{"set":[{"channel":{}}]}`), 400, "")
	r.want(r.call("PATCH", objects+"uuids/u1/channels", `{"delete":[{"channel":{"id":"c1"}}]}`), 200, `"data":[]`)
	r.call("DELETE", objects+"uuids/u2", "") // never had a record: its links stay
	r.call("PATCH", objects+"uuids/u2", `{}`)
	r.call("DELETE", objects+"uuids/u2", "")
	r.want(r.get(objects+"channels/c1/uuids"), 200, `"data":[]`)

	got := r.poll("c1,u1", start)
	var seen []string
	for _, m := range got.M {
		var d struct {
			Source, Version, Event, Type string
			Data                         map[string]any
		}
		_ = json.Unmarshal(m.D, &d)
		if m.E != 2 || d.Source != "objects" || d.Version != "2.0" || strings.Contains(string(m.D), "null") {
			t.Fatalf("event %+v %s", m, m.D)
		}
		seen = append(seen, m.C+" "+d.Event+" "+d.Type)
	}
	want := []string{"u1 set uuid", "c1 set membership", "u1 set membership", "c1 set membership", "c1 delete membership", "u1 delete membership"}
	if !slices.Equal(seen, want) {
		t.Fatalf("events %q, want %q", seen, want)
	}
}

package emulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	const body = `{"ttl":15,"permissions":{"resources":{"channels":{"queue.cardiology":3},"groups":{},"uuids":{},"users":{},"spaces":{}},` +
		`"patterns":{"channels":{"^queue\\..*$":1},"groups":{},"uuids":{},"users":{},"spaces":{}},"meta":{},"uuid":"kiosk-1"}}`
	const tail = "pnsdk=PubNub-Go/7.4.0&timestamp=1795300685&uuid=kiosk-1"
	for _, v := range []struct{ method, path, query, body, want string }{
		{"POST", "/v3/pam/sub/grant", tail, body, "v2.XGWV-iiBuSk6WQiByHoz55sarFiGRKJdpX6MdokZQ0M"},
		{"DELETE", "/v3/pam/sub/grant/p0F2AkF0Gl-_%3D", "l_pamv3=0.000231528&" + tail, "", "v2.9KXeVL3UvzZCd9-VgJX8u8F-oa6vgy4eNIBUXyGVgJc"},
		{"GET", "/publish/pub/sub/0/ch/0/%22hi%22", "seqn=1&l_hist=3.2698e-05&l_pamv3=0.000138897&" + tail, "", "v2.dcBS6g0y_mKEp3O_NIT8fRzx3nCEt_ObzK9krO8qE0M"},
		{"POST", "/publish/pub/sub/0/ch/0", "l_hist=3.2698e-05&l_pamv3=0.000138897&l_pub=4.3291e-05&seqn=2&" + tail, `"hi"`, "IrJddtPyJ5t_q38uPodgRCMFZF1eCiLvWPzcp0pTorU="},
	} {
		q := &request{method: v.method, path: v.path, query: parseQuery(v.query + "&signature=ignored"), body: []byte(v.body)}
		all := strings.Join(signatures("sec-secret", "pub", "sub", q), " ")
		if !strings.Contains(all, v.want) {
			t.Errorf("%s %s: got %s, want %s", v.method, v.path, all, v.want)
		}
	}
	if got := encodeStrictly("a b*!'()[]~/é-._"); got != "a%20b%2A%21%27%28%29%5B%5D%7E%2F%C3%A9-._" {
		t.Errorf("encoded %s", got)
	}
}

func TestFilterLanguage(t *testing.T) {
	t.Parallel()
	record := fields{
		"name": "Queue 7", "n": 7.0, "on": true, "none": nil, "tags": []any{"a", "b"},
		"custom": fields{"rank": 3.0, "odd name": "x"},
	}
	for text, want := range map[string]bool{
		`name == "Queue 7"`:         true,
		`name == 'queue 7'`:         false,
		`name LIKE "Q*7"`:           true,
		`name LIKE "*u*e*"`:         true,
		`name LIKE "Q*8"`:           false,
		`name LIKE "Queue 7"`:       true,
		`name contains 'ue'`:        true,
		`tags CONTAINS "b"`:         true,
		`tags CONTAINS "c"`:         false,
		`tags[1] == "b"`:            true,
		`n > 6.5 && n <= 7`:         true,
		`n < 7 || n >= 8`:           false,
		`n != 7`:                    false,
		`n == '7'`:                  false,
		`-1 < n`:                    true,
		`on`:                        true,
		`!on`:                       false,
		`on == true`:                true,
		`custom.rank == 3`:          true,
		`custom["odd name"] == "x"`: true,
		`missing == 1`:              false,
		`!(missing == 1)`:           false,
		`missing != 1`:              false,
		`missing == 1 || n == 7`:    true,
		`none == null`:              false,
		`n > "6"`:                   false,
		`name == "Queue \"7"`:       false,
		`((n == 7))`:                true,
		`n == 7 && (on || missing) && name > "P"`: true,
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.selects(record); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{
		"", "a ==", "== 1", "(a", "a)", "a && ", "'open", "a.", "a[", "a[1", "a b", "--1 == 1", "a = 1", "a & b",
		strings.Repeat("(", 200), strings.Repeat("!", 5000),
	} {
		if _, err := parseFilter(text); err == nil {
			t.Errorf("%q parsed", text)
		}
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	t.Parallel()
	good := encodeToken(Grant{TTL: 1, Issued: time.Unix(1_700_000_000, 0), UUID: "u", Channels: Masks{"a": 1}, Meta: map[string]any{"k": 1.5, "b": true, "n": -3.0, "s": "x", "z": nil}}, "secret")
	if _, err := parseTokenText(good+"=", "secret"); err != nil {
		t.Fatalf("own token: %v", err)
	}
	if _, err := parseTokenText(good, "other"); err == nil {
		t.Fatal("token under another key accepted")
	}
	raw, _ := base64.RawURLEncoding.DecodeString(good)
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			if _, err := parseTokenText(base64.RawURLEncoding.EncodeToString(bad), "secret"); err == nil {
				t.Fatalf("bit %d of byte %d changed and accepted", bit, i)
			}
		}
	}
	for i := range raw {
		if _, err := parseTokenText(base64.RawURLEncoding.EncodeToString(raw[:i]), "secret"); err == nil {
			t.Fatalf("accepted when cut to %d bytes", i)
		}
	}
}

func TestFlipBitKeepsJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`"abc"`, `1`, `{}`, `[]`, `true`, `{"a":"é"}`, `null`} {
		got := flipBit(json.RawMessage(text))
		if !json.Valid(got) {
			t.Errorf("%s became %q", text, got)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`a == 'b' && c.d["e"] > 1.5`, `!(x LIKE "a*") || tags CONTAINS 'y'`, `uuid != "k"`, `((((`, `a[`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseFilter(text); err == nil {
			p.selects(fields{"a": "b", "tags": []any{"y", fields{}}, "c": fields{"d": []any{1.0}}})
		}
	})
}

func FuzzToken(f *testing.F) {
	f.Add(encodeToken(Grant{TTL: 1, Issued: time.Unix(1_700_000_000, 0), UUID: "u", Channels: Masks{"a": 1}, ChannelPatterns: Masks{"^a$": 2}}, "s"))
	f.Add("qEF2AkF0GmsCHU1DdHRsD0NyZXOl")
	f.Add("////")
	f.Fuzz(func(t *testing.T, text string) {
		raw, _ := base64.RawURLEncoding.DecodeString(text)
		_, _ = (&cborReader{data: raw}).value(0)
		if tok, err := parseTokenText(text, "s"); err == nil {
			tok.allows("chan", "a", MayRead)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("a=1&b=%20&c&=d&e=%zz&state=%7B%22a%22%3A1%7D")
	f.Fuzz(func(t *testing.T, raw string) {
		q := parseQuery(raw)
		if s := signedQuery(q); strings.ContainsAny(encodeStrictly(raw), " &*") {
			t.Fatalf("encoded %q", s)
		}
		if states, ok := parseStates(q["state"]); ok {
			for _, s := range states {
				if !json.Valid(s) {
					t.Fatalf("state %q", s)
				}
			}
		}
		for _, name := range splitList(raw) {
			validSubscription(name)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add("GET", "/publish/demo/demo/0/a/0/%22x%22?meta=%7B%7D&ttl=1.5&seqn=x", []byte(nil))
	f.Add("POST", "/publish/demo/demo/0/a/0", []byte(`{"a":1}`))
	f.Add("GET", "/v2/subscribe/demo/a,b.*,c-pnpres/0?tt=5&channel-group=g&state={}&filter-expr=a", []byte(nil))
	f.Add("PATCH", "/v2/objects/demo/channels/a", []byte(`{"custom":{"k":1},"name":null}`))
	f.Add("PATCH", "/v2/objects/demo/uuids/u/channels", []byte(`{"set":[{"channel":{"id":"a"}}],"delete":[{}]}`))
	f.Add("POST", "/v1/message-actions/demo/channel/a/message/1?uuid=u", []byte(`{"type":"t","value":"v"}`))
	f.Add("GET", "/v3/history/sub-key/demo/channel/a,b?start=9&end=1&max=-1", []byte(nil))
	f.Add("GET", "/v2/presence/sub_key/demo/channel/a?offset=99999999999999999999", []byte(nil))
	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		for _, access := range []bool{false, true} {
			req, err := http.NewRequest(method, target, bytes.NewReader(body))
			if err != nil {
				return
			}
			e := New(Options{LongPoll: time.Millisecond, AccessManager: access})
			w := httptest.NewRecorder()
			e.ServeHTTP(w, req)
			if w.Code != http.StatusNoContent && !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s %s answered %d %q", method, target, w.Code, w.Body)
			}
			e.Close()
		}
	})
}

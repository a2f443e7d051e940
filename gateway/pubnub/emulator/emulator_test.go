package emulator_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

// rig is one keyset behind a real socket. Its client opens a connection per
// request, because net/http sends a GET again when a kept one breaks.
type rig struct {
	*testing.T
	emu    *emulator.Emulator
	url    string
	client *http.Client
}

func newRig(t *testing.T, o emulator.Options) *rig {
	t.Helper()
	o.PublishKey, o.SubscribeKey, o.SecretKey = "pub", "sub", "sec-secret"
	e := emulator.New(o)
	s := httptest.NewServer(e)
	t.Cleanup(func() { e.Close(); s.Close() })
	return &rig{t, e, s.URL, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

// call makes one request; a body makes it chunked, as Go v7 sends it.
func (r *rig) call(method, target, body string, header ...string) answer {
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	var in io.Reader
	if body != "" {
		in = io.MultiReader(strings.NewReader(body)) // hides the length
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+target, in)
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return do(r.client, req)
}

func do(c *http.Client, req *http.Request) answer {
	res, err := c.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(text), err}
}

func (r *rig) get(target string) answer { r.Helper(); return r.call("GET", target, "") }

// publish sends JSON by POST and returns the timetoken.
func (r *rig) publish(channel, payload string, query ...string) string {
	r.Helper()
	target := "/publish/pub/sub/0/" + url.PathEscape(channel) + "/0?uuid=kiosk-1"
	if len(query) > 0 {
		target += "&" + strings.Join(query, "&")
	}
	return r.sent(r.call("POST", target, payload))
}

func (r *rig) sent(a answer) string {
	r.Helper()
	var out []any
	if a.status != 200 || json.Unmarshal([]byte(a.body), &out) != nil || len(out) != 3 || out[1] != "Sent" {
		r.Fatalf("publish answered %d %q %v", a.status, a.body, a.err)
	}
	return out[2].(string)
}

type envelope struct {
	T struct {
		T string
		R int
	}
	M []struct {
		A, I, K, C, B, Cmt string
		F, S, E            int
		P                  struct {
			T string
			R int
		}
		D, U json.RawMessage
	}
}

// poll subscribes once.
func (r *rig) poll(list, tt string, query ...string) envelope {
	r.Helper()
	a := r.get("/v2/subscribe/sub/" + list + "/0?uuid=reader&tt=" + tt + "&" + strings.Join(query, "&"))
	if a.status != 200 {
		r.Fatalf("subscribe answered %d %s %v", a.status, a.body, a.err)
	}
	return readEnvelope(r.T, a.body)
}

func readEnvelope(t *testing.T, body string) envelope {
	t.Helper()
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("bad envelope %q: %v", body, err)
	}
	return e
}

func (e envelope) payloads() []string {
	var out []string
	for _, m := range e.M {
		out = append(out, string(m.D))
	}
	return out
}

// escape writes a value as the SDKs do, a space as %20.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// later starts a call whose answer the test takes from the channel.
func later(f func() answer) <-chan answer {
	out := make(chan answer, 1)
	go func() { out <- f() }()
	return out
}

func (r *rig) want(a answer, status int, part string) {
	r.Helper()
	if a.err != nil || a.status != status || !strings.Contains(a.body, part) {
		r.Fatalf("got %d %q %v, want %d with %q", a.status, a.body, a.err, status, part)
	}
}

func (r *rig) wantJSON(a answer, status int, want string) {
	r.Helper()
	if a.err != nil || a.status != status || a.body != want {
		r.Fatalf("got %d %s %v\nwant %d %s", a.status, a.body, a.err, status, want)
	}
}

func TestPublishReachesHistoryTapAndSubscriber(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	var tapped []emulator.Message
	r.emu.Tap(func(m emulator.Message) { tapped = append(tapped, m) })

	start := r.poll("queue.cardiology", "0").T.T
	tt := r.sent(r.get(`/publish/pub/sub/0/queue.cardiology/0/%7B%22x%22%3A%22%C3%A9%20%2F%3F%22%7D` +
		`?pnsdk=PubNub-Go/7.4.0&uuid=kiosk-1&meta=%7B%22k%22%3A%22v%20w%22%7D&seqn=7&custom_message_type=check-in`))
	got := r.poll("queue.cardiology", start)
	if len(got.M) != 1 || got.T.T != tt || got.T.R != 12 {
		t.Fatalf("got %+v", got)
	}
	m := got.M[0]
	if m.C != "queue.cardiology" || m.B != "queue.cardiology" || m.I != "kiosk-1" || m.K != "sub" || m.S != 7 ||
		m.E != 0 || m.Cmt != "check-in" || m.P.T != tt || string(m.U) != `{"k":"v w"}` || string(m.D) != `{"x":"é /?"}` {
		t.Fatalf("got %+v", m)
	}
	h := r.emu.History("queue.cardiology")
	if len(h) != 1 || len(tapped) != 1 || strconv.FormatInt(h[0].Timetoken, 10) != tt || tapped[0].UUID != "kiosk-1" || !h[0].Store {
		t.Fatalf("history %+v, tapped %+v", h, tapped)
	}
	if names := r.emu.Channels(); !slices.Equal(names, []string{"queue.cardiology"}) {
		t.Fatalf("channels %q", names)
	}
}

func TestPublishForms(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"by":"zlib"}`))
	_ = z.Close()
	r.sent(r.call("POST", "/publish/pub/sub/0/a/0?uuid=u", packed.String(), "Content-Encoding", "deflate", "Content-Type", "application/json"))
	r.publish("a", `"chunked"`, "store=1", "ttl=5")
	r.publish("a", `"live only"`, "store=0")
	r.publish("a", `"fire"`, "store=0", "norep=true")
	r.sent(r.get("/signal/pub/sub/0/a/0/%22typing%22?uuid=u"))
	var kept []string
	for _, m := range r.emu.History("a") {
		kept = append(kept, string(m.Payload))
	}
	if want := []string{`{"by":"zlib"}`, `"chunked"`}; !slices.Equal(kept, want) {
		t.Fatalf("history %q, want %q", kept, want)
	}
	got := r.poll("a", "1")
	if want := []string{`{"by":"zlib"}`, `"chunked"`, `"live only"`, `"typing"`}; !slices.Equal(got.payloads(), want) {
		t.Fatalf("delivered %q, want %q", got.payloads(), want)
	}
	if got.M[3].E != 1 {
		t.Fatalf("signal has type %d", got.M[3].E)
	}
}

func TestTimetokensIncreaseWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	r := newRig(t, emulator.Options{Now: func() time.Time { now = now.Add(-time.Hour); return now }})
	last := ""
	for range 20 {
		tt := r.publish("a", "1")
		if len(tt) != 17 || tt <= last {
			t.Fatalf("timetoken %s after %s", tt, last)
		}
		last = tt
	}
	a := r.get("/time/0")
	r.want(a, 200, "["+last[:10])
	if strings.Contains(a.body, `"`) {
		t.Fatalf("time is not a number: %s", a.body)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	post := func(channel, body string, query ...string) answer {
		return r.call("POST", "/publish/pub/sub/0/"+channel+"/0?"+strings.Join(query, "&"), body)
	}
	fits := `"` + strings.Repeat("a", 32768-100-1-6-1) + `"`
	r.want(post("a", fits), 200, "Sent")
	r.want(post("a", fits[:1]+"a"+fits[1:]), 413, `[0,"Request Entity Too Large","1`)
	r.want(post("a", `"`+strings.Repeat("/", 12000)+`"`), 413, "[0,") // counted URL-encoded
	r.want(post("a", strings.Repeat("9", 2<<20)), 413, "[0,")
	r.want(r.get("/publish/pub/sub/0/a/0/%22"+strings.Repeat("a", 32700)+"%22"), 413, "[0,")
	r.want(r.get("/publish/pub/sub/0/a/0/1?auth="+strings.Repeat("a", 40000)), 414, "[0,")
	r.want(r.get("/v2/subscribe/sub/a/0?auth="+strings.Repeat("a", 40000)), 414, "")
	r.want(post("consultation.p.q.video", "1"), 400, "Wildcard maximum depth exceeded")
	r.want(post("a.b.c", "1"), 200, "Sent")
	for _, bad := range []string{"a%2Fb", "a%20b", "a%2Cb", "a:b", "%2A", "a%5Cb", "a%00b", "a%7Fb", "%FF", strings.Repeat("x", 93)} {
		r.want(post(bad, "1"), 400, "Invalid Channel")
	}
	r.want(post(strings.Repeat("x", 92), "1"), 200, "Sent")
	r.want(post("a", "{"), 400, "Invalid JSON")
	r.want(post("a", "1", "meta=%7B"), 400, "Invalid Meta")
	r.want(post("a", "1", "ttl=NaN"), 400, "Invalid TTL")
	r.want(post("a", "1", "custom_message_type=x"), 400, "Invalid Custom")
	r.want(r.get("/signal/pub/sub/0/a/0/%22"+strings.Repeat("a", 63)+"%22"), 413, "[0,")
	r.want(r.get("/publish/other/sub/0/a/0/1"), 400, "Invalid Key")
	r.want(r.get("/v2/subscribe/other/a/0"), 400, "Invalid Subscribe Key")
	r.want(r.get("/v2/subscribe/sub/,/0"), 400, "Missing")
	r.want(r.get("/v1/files/sub/channels/a/files"), 404, "Not Found")
	r.want(post("a", "x", "", ""), 400, "Invalid JSON")

	old := newRig(t, emulator.Options{OversizeStatus: 400, NoWildcard: true})
	old.want(old.call("POST", "/publish/pub/sub/0/a/0", `"`+strings.Repeat("a", 40000)+`"`), 400, "Message Too Large")
	old.publish("a.b.c.d", "1")
}

func TestReplyTypePleasesJavaScript(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	for _, a := range []answer{r.get("/time/0"), r.get("/v2/subscribe/sub/a/0"), r.get("/nowhere")} {
		if !strings.Contains(a.header.Get("Content-Type"), "javascript") {
			t.Fatalf("type %q", a.header.Get("Content-Type"))
		}
	}
	a := r.call("OPTIONS", "/v2/objects/sub/channels/a", "")
	if a.status != 204 || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "If-Match") {
		t.Fatalf("preflight %d %v", a.status, a.header)
	}
}

func TestRequestsAreKeptInARing(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{RequestLimit: 3, RecordBodies: true})
	for i := range 5 {
		r.publish("a", strconv.Itoa(i), "n="+strconv.Itoa(i))
	}
	got := r.emu.Requests()
	if len(got) != 3 {
		t.Fatalf("kept %d", len(got))
	}
	for i, q := range got {
		if want := "/publish/pub/sub/0/a/0?uuid=kiosk-1&n=" + strconv.Itoa(i+2); q.Method != "POST" || q.URI != want || string(q.Body) != strconv.Itoa(i+2) {
			t.Fatalf("request %d is %+v, want %s", i, q, want)
		}
	}
	if quiet := newRig(t, emulator.Options{}); quiet.publish("a", "1") == "" || quiet.emu.Requests()[0].Body != nil {
		t.Fatal("a body was kept unasked")
	}
}

func TestInjectRawIsAForeignPublisher(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	tt := r.emu.InjectRaw("a.b.c.d", json.RawMessage(`"UE5FRA=="`), "stranger")
	r.emu.InjectRaw("a.b.c.d", json.RawMessage("not json"), "stranger")
	got := r.poll("a.b.c.d", strconv.FormatInt(tt-1, 10))
	if want := []string{`"UE5FRA=="`, `"not json"`}; !slices.Equal(got.payloads(), want) || got.M[0].I != "stranger" {
		t.Fatalf("got %+v", got)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{HistoryLimit: 10, MaxChannels: 50, HistoryBytes: 300 * 12})
	for i := range 30 {
		r.publish("a", strconv.Itoa(i))
	}
	if h := r.emu.History("a"); len(h) != 10 || string(h[0].Payload) != "20" {
		t.Fatalf("kept %d from %s", len(h), h[0].Payload)
	}
	for i := range 200 {
		r.emu.InjectRaw("c"+strconv.Itoa(i), json.RawMessage("1"), "u")
	}
	if n := len(r.emu.Channels()); n > 50 {
		t.Fatalf("%d channels kept", n)
	}
	for range 50 {
		r.publish("b", "1")
	}
	if n := len(r.emu.History("b")); n >= 10 || n < 1 {
		t.Fatalf("%d kept over the byte bound", n)
	}
}

func BenchmarkPublish(b *testing.B) {
	e := emulator.New(emulator.Options{})
	payload := `"` + strings.Repeat("a", 900) + `"`
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequest("POST", "/publish/demo/demo/0/queue.cardiology/0?uuid=kiosk-1&auth=x&seqn=1", strings.NewReader(payload)))
			if w.Code != 200 {
				b.Error(w.Body)
			}
		}
	})
}

func BenchmarkPublishSocket(b *testing.B) {
	e := emulator.New(emulator.Options{})
	s := httptest.NewServer(e)
	defer s.Close()
	defer e.Close()
	payload := `"` + strings.Repeat("a", 900) + `"`
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	b.SetParallelism(4)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			req, _ := http.NewRequest("POST", s.URL+"/publish/demo/demo/0/queue.cardiology/0?uuid=kiosk-1", strings.NewReader(payload))
			if a := do(c, req); a.status != 200 {
				b.Error(a)
			}
		}
	})
}

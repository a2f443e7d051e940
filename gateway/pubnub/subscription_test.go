package pubnub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

// script answers polls: the n-th (from 0) long poll by script[n], and the ones
// after by holding. Greetings are answered at once.
type script struct {
	polls, greetings atomic.Int32
	steps            []http.HandlerFunc
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("tt") == "" {
		s.greetings.Add(1)
		reply(w, 200, `{"t":{"t":"17000000000000000","r":7},"m":[]}`)
		return
	}
	if n := int(s.polls.Add(1)) - 1; n < len(s.steps) {
		s.steps[n](w, r)
		return
	}
	hold(r)
}

// deliver answers a poll with messages given as [timetoken, payload].
func deliver(next string, messages ...[2]string) http.HandlerFunc {
	var list []string
	for _, m := range messages {
		list = append(list, fmt.Sprintf(`{"a":"1","f":514,"i":"dr-smith","p":{"t":%q,"r":7},"k":"sub-key","c":"a","b":"a","d":%s}`, m[0], m[1]))
	}
	return raw(fmt.Sprintf(`{"t":{"t":%q,"r":7},"m":[%s]}`, next, strings.Join(list, ",")))
}

func raw(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }
}

// inbox collects what a running subscription hands over.
type inbox struct {
	mu         sync.Mutex
	list       []pubnub.Message
	connection int
	sub        *pubnub.Subscription
}

func (i *inbox) take(m pubnub.Message) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if m.Channel == "" {
		i.connection++
		return
	}
	i.list = append(i.list, m)
}

func (i *inbox) payloads() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var list []string
	for _, m := range i.list {
		list = append(list, string(m.Payload))
	}
	return list
}

func (i *inbox) connections() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.connection
}

// listen runs a subscription to channel a from a cursor until the test ends.
func listen(t *testing.T, c *pubnub.Client, from pubnub.Timetoken) *inbox {
	t.Helper()
	in := &inbox{sub: c.Subscribe(from)}
	if err := in.sub.SetChannels("a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := in.sub.Run(ctx, in.take); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return in
}

func (i *inbox) expect(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("messages %q, got %q", want, i.payloads()), func() bool { return len(i.payloads()) >= len(want) })
	if got := i.payloads(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeliveryIsExactAndInOrder(t *testing.T) {
	t.Parallel()
	var second string
	s := &script{steps: []http.HandlerFunc{
		deliver("17000000000000003",
			[2]string{"17000000000000003", `"` + ciphertext + `"`},
			[2]string{"17000000000000001", `{"b":1.50, "a":"José 😀 𠮷","n":12345678901234567890}`},
			[2]string{"17000000000000002", `"𠮷\/\u00e9"`}),
		func(w http.ResponseWriter, r *http.Request) {
			second = r.URL.RawQuery
			deliver("17000000000000004", [2]string{"17000000000000004", `4`})(w, r)
		},
	}}
	in := listen(t, origin(t, s.ServeHTTP), 0)
	in.expect(t, `{"b":1.50, "a":"José 😀 𠮷","n":12345678901234567890}`, `"𠮷\/\u00e9"`, `"`+ciphertext+`"`, `4`)
	if !strings.Contains(second, "tt=17000000000000003") || !strings.Contains(second, "tr=7") {
		t.Errorf("second poll asked %s", second)
	}
	m := in.list[2]
	if text, ok := m.Text(); !ok || text != ciphertext || m.Publisher != "dr-smith" || m.Channel != "a" || m.Timetoken != 17000000000000003 {
		t.Errorf("%+v", m)
	}
	if _, ok := in.list[0].Text(); ok {
		t.Error("an object is no text")
	}
	eventually(t, "cursor", func() bool { return in.sub.Status().Cursor == 17000000000000004 })
}

// Each of these ended the process, or the subscription for good, or spun, when
// the SDK's own subscribe loop met it.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	envelope := func(messages ...string) http.HandlerFunc {
		return raw(`{"t":{"t":"17000000000000403","r":7},"m":[` + strings.Join(messages, ",") + `]}`)
	}
	const p = `"p":{"t":"17000000000000002","r":7}`
	s := &script{steps: []http.HandlerFunc{envelope(
		`{"c":"a","d":"UE5FRA==",`+p+`}`,                                 // bare sentinel
		`{"c":"a","d":"UE5FRAFBQ1JIAwECA0FBQUFBQUFBQUFBQUFBQUE=",`+p+`}`, // short IV
		`{"c":"a","e":4,"d":{"message":"hi","file":"no"},`+p+`}`,         // file of a wrong shape
		`{"c":"a","e":3,"d":{"x":1},`+p+`}`,                              // action without event
		`{"c":"a","e":2,"d":{"version":"2.0","type":null},`+p+`}`,        // metadata with null
		`{"c":"a-pnpres","d":{"action":"join","here_now_refresh":"x"},`+p+`}`,
		`{"c":"a","d":{"message":"hi"},`+p+`}`,
		`{"c":"a","e":"4","d":1,`+p+`}`,
		`{"c":"a","e":99,"d":2,`+p+`}`,
		`7`, `null`, `{"c":5}`, `{"c":"a","d":1}`, `{"c":"a","d":1,"p":{"t":"x"}}`, // malformed
		`{"c":"a","d":"last","p":{"t":"17000000000000009"}}`,
	)}}
	in := listen(t, origin(t, s.ServeHTTP), 0)
	eventually(t, "the last message", func() bool { return slices.Contains(in.payloads(), `"last"`) })
	if n := len(in.payloads()); n != 10 {
		t.Errorf("%d messages, want 10: %q", n, in.payloads())
	}
	if n := in.sub.Status().Malformed; n != 5 {
		t.Errorf("%d malformed, want 5", n)
	}
	kinds := []pubnub.Kind{0, 0, pubnub.KindFile, pubnub.KindAction, pubnub.KindObject, pubnub.KindPresence, 0, pubnub.KindFile, pubnub.KindOther, 0}
	cipher := newCipher(t, "enigma")
	for i, m := range in.list {
		if m.Kind != kinds[i] {
			t.Errorf("message %d is of kind %d, want %d", i, m.Kind, kinds[i])
		}
		if text, ok := m.Text(); ok {
			if _, _, err := cipher.Decrypt(text, json.Valid); err == nil {
				t.Errorf("message %d decrypts", i)
			}
		}
	}
}

// Whatever the bad answers are, the subscription goes on from where it was.
func TestSubscriptionOutlivesBadAnswers(t *testing.T) {
	t.Parallel()
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, code, body) }
	}
	portal := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sign in</html>") }
	for name, bad := range map[string]http.HandlerFunc{
		"one 503":                 status(503, `{"status":503}`),
		"reset":                   func(w http.ResponseWriter, _ *http.Request) { hangUp(w) },
		"captive portal":          portal,
		"empty success":           status(200, ``),
		"JSON that is no batch":   status(200, `{"status":"ok"}`),
		"batch without timetoken": status(200, `{"t":{"t":"0","r":1},"m":[]}`),
		"batch with words for it": status(200, `{"t":{"t":"soon","r":1},"m":[]}`),
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = w.Write([]byte(`{"t":{"t":"17`))
		},
		"400":      status(400, `{"status":400,"error":true}`),
		"403":      status(403, `{"status":403,"message":"Forbidden","payload":{"channels":["a"]}}`),
		"429":      status(429, `{"status":429}`),
		"530":      status(530, `{"status":530}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", 302) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A cursor with the digits that the SDK takes for a refusal.
			var asked atomic.Value
			s := &script{steps: []http.HandlerFunc{bad, bad, bad, func(w http.ResponseWriter, r *http.Request) {
				asked.Store(r.URL.Query().Get("tt"))
				deliver("17000000000000404", [2]string{"17000000000000404", `"after"`})(w, r)
			}}}
			in := listen(t, origin(t, s.ServeHTTP), 17000000000000403)
			in.expect(t, `"after"`)
			if tt := asked.Load(); tt != "17000000000000403" {
				t.Errorf("went on from %v", tt)
			}
			eventually(t, "connected again", func() bool { return in.sub.Status().Connected })
			// net/http itself repeats a GET that met a dead connection.
			if most := s.greetings.Load(); in.connections() < 2 || most < 2 || most > 4 {
				t.Errorf("%d connections told, %d greetings", in.connections(), s.greetings.Load())
			}
		})
	}
}

func TestCaptivePortalDoesNotMakeItSpin(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	var open atomic.Bool
	s := &script{}
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if open.Load() {
			s.ServeHTTP(w, r)
			return
		}
		requests.Add(1)
		fmt.Fprint(w, "<html>Sign in</html>")
	}, func(cfg *pubnub.Config) { cfg.RetryMin, cfg.RetryMax = 20*time.Millisecond, 40*time.Millisecond })
	start := time.Now()
	in := listen(t, c, 0)
	eventually(t, "a few tries", func() bool { return requests.Load() >= 5 })
	// Half of RetryMin between two requests is the least.
	if most := int32(time.Since(start)/(10*time.Millisecond)) + 2; requests.Load() > most {
		t.Errorf("%d requests in %v", requests.Load(), time.Since(start))
	}
	if up, _ := c.Link(); up {
		t.Error("a portal counts as a link")
	}
	if last := in.sub.Status().Last; last == nil || last.Reason != pubnub.ReasonForeign || last.Hint() == "" {
		t.Errorf("status says %v", last)
	}
	open.Store(true)
	eventually(t, "connected", func() bool { return in.sub.Status().Connected })
}

func TestEmptyAnswersDoNotMakeItSpin(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		reply(w, 200, `{"t":{"t":"17000000000000000","r":7},"m":[]}`)
	}, func(cfg *pubnub.Config) { cfg.PollSpacing = 20 * time.Millisecond })
	start := time.Now()
	listen(t, c, 0)
	eventually(t, "a few polls", func() bool { return requests.Load() >= 5 })
	if most := int32(time.Since(start)/(20*time.Millisecond)) + 2; requests.Load() > most {
		t.Errorf("%d requests in %v", requests.Load(), time.Since(start))
	}
}

func TestANewTokenEndsARefusal(t *testing.T) {
	t.Parallel()
	var current atomic.Value
	current.Store("expired")
	s := &script{}
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("auth") == "expired" {
			reply(w, 403, `{"message":"Token is expired","error":true,"status":403}`)
			return
		}
		s.ServeHTTP(w, r)
	}, func(cfg *pubnub.Config) {
		cfg.Token = func() string { return current.Load().(string) }
		cfg.DeniedWait = time.Hour
	})
	in := listen(t, c, 0)
	eventually(t, "denied", func() bool { e := in.sub.Status().Last; return e != nil && e.Class == pubnub.Denied })
	current.Store("fresh")
	eventually(t, "connected", func() bool { return in.sub.Status().Connected })
}

func TestThrottledPollWaits(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Retry-After", "3600")
		reply(w, 429, `{"status":429}`)
	})
	in := listen(t, c, 0)
	eventually(t, "throttled", func() bool { e := in.sub.Status().Last; return e != nil && e.Class == pubnub.Throttled })
	c.Wake() // the network is not the reason
	time.Sleep(50 * time.Millisecond)
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// again delivers until the client has it.
func again(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("tt") == "17000000000000001" {
		hold(r)
		return
	}
	deliver("17000000000000001", [2]string{"17000000000000001", `"after"`})(w, r)
}

// A middlebox that cuts silent connections, sooner than PollTimeout.
func TestPollCutByAMiddleboxIsAnEmptyPoll(t *testing.T) {
	t.Parallel()
	const holds, timeout = 300 * time.Millisecond, 800 * time.Millisecond
	cut := func(w http.ResponseWriter, _ *http.Request) { time.Sleep(holds); hangUp(w) }
	gaveUp := func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(holds)
		w.WriteHeader(http.StatusGatewayTimeout)
	}
	s := &script{steps: []http.HandlerFunc{cut, gaveUp, again, again, again, again}}
	c := origin(t, s.ServeHTTP, func(cfg *pubnub.Config) { cfg.PollTimeout = timeout })
	in := listen(t, c, 0)
	in.expect(t, `"after"`)
	if in.connections() != 1 || s.greetings.Load() != 1 {
		t.Errorf("%d connections told, %d greetings", in.connections(), s.greetings.Load())
	}
	if up, _ := c.Link(); !up {
		t.Error("link down")
	}
}

func TestPollEndsItselfBeforeAMiddleboxWould(t *testing.T) {
	t.Parallel()
	holds := func(_ http.ResponseWriter, r *http.Request) { hold(r) }
	s := &script{steps: []http.HandlerFunc{holds, holds, again, again, again, again}}
	c := origin(t, s.ServeHTTP, func(cfg *pubnub.Config) { cfg.PollTimeout = 200 * time.Millisecond })
	in := listen(t, c, 0)
	in.expect(t, `"after"`)
	if in.connections() != 1 || s.greetings.Load() != 1 {
		t.Errorf("%d connections told, %d greetings", in.connections(), s.greetings.Load())
	}
}

func TestSetChannelsWhilePolling(t *testing.T) {
	t.Parallel()
	paths := make(chan string, 100)
	s := &script{}
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.EscapedPath() + "?" + r.URL.Query().Get("tt")
		s.ServeHTTP(w, r)
	})
	in := listen(t, c, 17000000000000005)
	const prefix = "/v2/subscribe/sub-key/"
	for _, want := range []string{"a/0?", "a/0?17000000000000005"} {
		if got := <-paths; got != prefix+want {
			t.Errorf("asked %s, want %s", got, prefix+want)
		}
	}
	if err := in.sub.SetChannels("x%y", "b", "a", "b"); err != nil {
		t.Fatal(err)
	}
	if got, want := <-paths, prefix+"a,b,x%25y/0?17000000000000005"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if err := in.sub.SetChannels("b", "a", "x%y"); err != nil { // the same
		t.Fatal(err)
	}
	if err := in.sub.SetChannels("a,b"); classOf(err) != pubnub.Refused {
		t.Errorf("took a bad name: %v", err)
	}
	_ = in.sub.SetChannels()
	_ = in.sub.SetChannels("c")
	if got := <-paths; !strings.HasPrefix(got, prefix+"c/0?") {
		t.Errorf("asked %s", got)
	}
}

func TestRunEndsWithTheClientAndTheContext(t *testing.T) {
	t.Parallel()
	for _, refuses := range []bool{false, true} {
		s := &script{}
		c := origin(t, func(w http.ResponseWriter, r *http.Request) {
			if refuses {
				hangUp(w)
				return
			}
			s.ServeHTTP(w, r)
		}, func(cfg *pubnub.Config) { cfg.RetryMin, cfg.RetryMax = time.Hour, time.Hour })
		for _, end := range []string{"context", "close"} {
			ctx, cancel := context.WithCancel(t.Context())
			sub := c.Subscribe(0)
			_ = sub.SetChannels("a")
			done := make(chan error, 1)
			go func() { done <- sub.Run(ctx, func(pubnub.Message) {}) }()
			eventually(t, "started", func() bool { return !sub.Status().Since.IsZero() })
			if end == "close" {
				c.Close()
			} else {
				cancel()
			}
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(waitLimit):
				t.Fatalf("Run goes on after %s", end)
			}
			cancel()
		}
	}
}

func TestLinkTellsWhoWaits(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := &script{}
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			hangUp(w)
			return
		}
		s.ServeHTTP(w, r)
	})
	up, changed := c.Link()
	if up {
		t.Error("up before the first answer")
	}
	in := listen(t, c, 0)
	<-changed
	if up, changed = c.Link(); !up {
		t.Error("down after an answer")
	}
	eventually(t, "a long poll", func() bool { return s.polls.Load() == 1 })
	down.Store(true)
	// A publish that stays without an answer makes the poll look for itself, at once.
	if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); classOf(err) != pubnub.Unknown {
		t.Error(err)
	}
	<-changed
	if up, changed = c.Link(); up {
		t.Error("up without answers")
	}
	down.Store(false)
	<-changed
	if up, changed = c.Link(); !up {
		t.Error("down after it came back")
	}
	eventually(t, "a long poll again", func() bool { return in.sub.Status().Connected && s.polls.Load() == 2 })
	c.Wake()
	<-changed
	eventually(t, "greeted anew", func() bool { return s.greetings.Load() >= 3 })
}

// A proxy that cuts publishes only must not make the link flap: everybody who
// waits would be woken each time.
func TestPublishesWithoutAnswersDoNotMoveTheLink(t *testing.T) {
	t.Parallel()
	s := &script{}
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			hangUp(w)
			return
		}
		s.ServeHTTP(w, r)
	})
	in := listen(t, c, 0)
	eventually(t, "connected", func() bool { return in.sub.Status().Connected })
	_, changed := c.Link()
	for range 5 {
		_, _ = c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	}
	eventually(t, "the poll looked for itself", func() bool { return s.greetings.Load() >= 2 })
	select {
	case <-changed:
		t.Error("the link moved")
	default:
	}
}

// What is heard between two polls is not lost: the second looks for itself.
func TestNewsBetweenPolls(t *testing.T) {
	t.Parallel()
	for what, tell := range map[string]func(c *pubnub.Client){
		"a publish without an answer": func(c *pubnub.Client) {
			_, _ = c.Publish(context.Background(), "a", ciphertext, pubnub.PublishOptions{})
		},
		"another network": func(c *pubnub.Client) { c.Wake() },
	} {
		s := &script{}
		c := origin(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				hangUp(w)
				return
			}
			s.ServeHTTP(w, r)
		}, func(cfg *pubnub.Config) { cfg.PollSpacing = 300 * time.Millisecond })
		in := listen(t, c, 0)
		eventually(t, "connected", func() bool { return in.sub.Status().Connected })
		if s.polls.Load() != 0 {
			continue // too late on a busy machine
		}
		tell(c)
		eventually(t, what+": the poll looked for itself", func() bool { return s.greetings.Load() >= 2 })
	}
}

func TestAPortalAnsweringAPublishMeansDown(t *testing.T) {
	t.Parallel()
	var portal atomic.Bool
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		if portal.Load() {
			fmt.Fprint(w, "<html>Sign in</html>")
			return
		}
		reply(w, 200, `[1,"Sent","17000000000000001"]`)
	})
	for _, down := range []bool{false, true, false} {
		portal.Store(down)
		_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
		if up, _ := c.Link(); up == down || (err != nil) != down {
			t.Errorf("portal %v: link up %v, %v", down, up, err)
		}
	}
}

func FuzzParseReplies(f *testing.F) {
	f.Add([]byte(`{"t":{"t":"17000000000000003","r":12},"m":[{"a":"1","f":514,"i":"kiosk-1","s":1,"p":{"t":"17000000000000002","r":12},"k":"sub","c":"queue.cardiology","b":"queue.cardiology","d":{"id":"e1"},"cmt":"check-in"}]}`))
	f.Add([]byte(`{"t":{"t":"1"},"m":[{"c":"a-pnpres","p":{"t":"1"},"d":{"action":"interval","join":["u"],"here_now_refresh":1}}]}`))
	f.Add([]byte(`{"status":200,"error":false,"error_message":"","channels":{"a":[{"message":{"message":"hi"},"timetoken":"17","uuid":"u","message_type":null}]}}`))
	f.Add([]byte(`{"status":200,"data":{"id":"q","name":null,"custom":{"a":"b","n":1.5},"eTag":"AbC"}}`))
	f.Add([]byte(`{"status":200,"uuids":["u1",{"uuid":"u2","state":{"a":1}}],"occupancy":2}`))
	f.Add([]byte(`[1,"Sent","17000000000000001"]`))
	f.Add([]byte(`[17000000000000001]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		messages, _ := pubnub.ParseBatch(body)
		stored, _ := pubnub.ParseHistory(body)
		for i, m := range append(messages, stored...) {
			m.Text()
			m.Presence()
			if !json.Valid(m.Payload) || m.Timetoken <= 0 || m.Channel == "" {
				t.Errorf("message %d: %+v", i, m)
			}
		}
		if at, err := pubnub.ParseAccepted(body); err == nil && at <= 0 {
			t.Errorf("accepted at %v", at)
		}
		if at, err := pubnub.ParseTime(body); err == nil && !at.Time().Equal(pubnub.TimetokenAt(at.Time()).Time()) {
			t.Errorf("time %v", at)
		}
		_, _ = pubnub.ParseMetadata(body)
		_, _ = pubnub.ParseHereNow(body)
	})
}

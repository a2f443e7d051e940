package pubnub_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

const ciphertext = "UE5FRAFBQ1JIEGujnzlF3htw+P2uDG0xPs9yy0IiWmktIh3hmLn36x3H"

func classOf(err error) pubnub.Class {
	if e, ok := errors.AsType[*pubnub.Error](err); ok {
		return e.Class
	}
	return 0
}

func TestPublishOnTheWire(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body []byte
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		reply(w, 200, `[1,"Sent","17000000000000403"]`)
	})
	at, err := c.Publish(t.Context(), "queue.cardiology", ciphertext, pubnub.PublishOptions{Store: true, TTLHours: 48})
	if err != nil || at != 17000000000000403 {
		t.Fatalf("Publish = %v, %v", at, err)
	}
	if got.Method != "POST" || got.URL.Path != "/publish/"+publishKey+"/sub-key/0/queue.cardiology/0" {
		t.Errorf("%s %s", got.Method, got.URL.Path)
	}
	if string(body) != `"`+ciphertext+`"` {
		t.Errorf("body %s", body)
	}
	if got.ContentLength != int64(len(body)) {
		t.Errorf("length %d: chunked", got.ContentLength)
	}
	for key, want := range map[string]string{"store": "1", "ttl": "48", "uuid": "lobby-1", "auth": token} {
		if q := got.URL.Query().Get(key); q != want {
			t.Errorf("%s = %q, want %q", key, q, want)
		}
	}
	if sent, received := c.Traffic(); sent == 0 || received == 0 {
		t.Errorf("traffic %d, %d", sent, received)
	}
}

func TestPublishOutcomes(t *testing.T) {
	t.Parallel()
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, "<html>Sign in</html>")
		}
	}
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { reply(w, status, body) }
	}
	const accessManager = `{"message":"Forbidden","payload":{"channels":["a"]},"error":true,"service":"Access Manager","status":403}`
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		class   pubnub.Class
		reason  pubnub.Reason
	}{
		"bad request":       {answer(400, `[0,"Invalid JSON","17"]`), pubnub.Refused, pubnub.ReasonStatus},
		"depth":             {answer(400, `[0,"Wildcard maximum depth exceeded","17"]`), pubnub.Refused, pubnub.ReasonStatus},
		"wrong key":         {answer(400, `[0,"Invalid Key","17"]`), pubnub.Denied, pubnub.ReasonKeys},
		"wrong key, object": {answer(400, `{"message":"Invalid Subscribe Key","error":true,"status":400}`), pubnub.Denied, pubnub.ReasonKeys},
		"too large":         {answer(413, `[0,"Request Entity Too Large"]`), pubnub.Refused, pubnub.ReasonTooLarge},
		"denied":            {answer(403, accessManager), pubnub.Denied, pubnub.ReasonStatus},
		"unauthorized":      {answer(401, `{"status":401}`), pubnub.Denied, pubnub.ReasonStatus},
		"request timeout":   {answer(408, `{"status":408}`), pubnub.Temporary, pubnub.ReasonStatus},
		"unavailable":       {answer(503, `{"status":503}`), pubnub.Temporary, pubnub.ReasonStatus},
		"bad gateway":       {html(502), pubnub.Temporary, pubnub.ReasonStatus},
		"filter's 403":      {html(403), pubnub.Temporary, pubnub.ReasonForeign},
		"portal's 400":      {html(400), pubnub.Temporary, pubnub.ReasonForeign},
		"wrong server":      {html(404), pubnub.Temporary, pubnub.ReasonForeign},
		"captive portal":    {html(200), pubnub.Unknown, pubnub.ReasonForeign},
		"empty success":     {answer(200, ``), pubnub.Unknown, pubnub.ReasonForeign},
		"short success":     {answer(200, `[1]`), pubnub.Unknown, pubnub.ReasonAnswer}, // panics in the SDK
		"object success":    {answer(200, `{"a":1}`), pubnub.Unknown, pubnub.ReasonAnswer},
		"refusal with 200":  {answer(200, `[0,"Nope","17000000000000001"]`), pubnub.Unknown, pubnub.ReasonAnswer},
		"number timetoken":  {answer(200, `[1,"Sent",null]`), pubnub.Unknown, pubnub.ReasonAnswer},
		"huge answer": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `["`+strings.Repeat("x", 5<<20)+`"]`)
		}, pubnub.Unknown, pubnub.ReasonTooLarge},
		"no answer": {func(w http.ResponseWriter, _ *http.Request) { hangUp(w) }, pubnub.Unknown, pubnub.ReasonConnection},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := origin(t, row.handler)
			_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
			e, ok := errors.AsType[*pubnub.Error](err)
			if !ok || e.Class != row.class || e.Reason != row.reason {
				t.Errorf("got %v, want %v (%s)", err, row.class, row.reason)
			}
		})
	}
}

func TestThrottledSaysHowLong(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "-3": 0, "soon": 0, "99999999": time.Hour,
		// By the answer's own Date, not by the local clock.
		"Sat, 21 Nov 2026 10:00:30 GMT": 30 * time.Second,
	} {
		c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Sat, 21 Nov 2026 10:00:00 GMT")
			w.Header().Set("Retry-After", header)
			reply(w, 429, `{"status":429,"error":true,"message":"slow down"}`)
		})
		_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
		e, ok := errors.AsType[*pubnub.Error](err)
		if !ok || e.Class != pubnub.Throttled || e.RetryAfter != want {
			t.Errorf("Retry-After %q: %v, %v, want %v", header, err, e.RetryAfter, want)
		}
	}
}

// net/http repeats a request on a connection that died, if it may.
func TestPublishIsNeverRepeatedBelowUs(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			reply(w, 200, `[1,"Sent","17000000000000001"]`)
			return
		}
		_, _ = io.ReadAll(r.Body) // accepted, and the answer is lost
		hangUp(w)
	})
	if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	// On the same, kept-alive connection; digits that the SDK takes for a refusal.
	_, err := c.Publish(t.Context(), "queue.403", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Unknown || requests.Load() != 2 {
		t.Errorf("%v after %d requests, want an unknown outcome after 2", err, requests.Load())
	}
}

func TestPublishThatCannotBeSentIsTemporary(t *testing.T) {
	t.Parallel()
	c := origin(t, nil, func(cfg *pubnub.Config) { cfg.Origin = "127.0.0.1:1" })
	_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
	c = origin(t, nil, func(cfg *pubnub.Config) { cfg.Origin = "clinic.invalid" })
	_, err = c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
}

// With the SDK's workers this never returned.
func TestPublishUnderAnEndedContext(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) { requests.Add(1) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Publish(ctx, "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Canceled || !errors.Is(err, context.Canceled) || requests.Load() != 0 {
		t.Errorf("%v, %d requests", err, requests.Load())
	}
}

func TestPublishCutShortHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}, 2), make(chan bool, 2)
	c := origin(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // lets the server notice that the client leaves
		arrived <- struct{}{}
		hold(r)
		left <- r.Context().Err() != nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := c.Publish(ctx, "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("by the caller: %v", err)
	}
	go func() { <-arrived; c.Close() }()
	_, err = c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if e, ok := errors.AsType[*pubnub.Error](err); !ok || e.Class != pubnub.Unknown || e.Reason != pubnub.ReasonClosed {
		t.Errorf("by Close: %v", err)
	}
	for range 2 {
		if !<-left {
			t.Error("the client stayed until the server gave up")
		}
	}
	_, err = c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Canceled {
		t.Errorf("after Close: %v", err)
	}
}

func TestPublishRefusesLocallyWhatPubNubWould(t *testing.T) {
	t.Parallel()
	c := origin(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL.Path) })
	for _, channel := range []string{"", "a,b", "a/b", "a:b", "a b", "a*", `a\b`, "a\n", "..", "\xff", strings.Repeat("x", 93)} {
		if _, err := c.Publish(t.Context(), channel, ciphertext, pubnub.PublishOptions{}); classOf(err) != pubnub.Refused {
			t.Errorf("channel %q: %v", channel, err)
		}
	}
	if _, err := c.Publish(t.Context(), "a", strings.Repeat("A", 32<<10), pubnub.PublishOptions{}); classOf(err) != pubnub.Refused {
		t.Errorf("32 KiB: %v", err)
	}
	// Base64 costs more in a URL, by which PubNub counts.
	if !pubnub.Fits("a", strings.Repeat("A", 32000)) || pubnub.Fits("a", strings.Repeat("+", 32000)) {
		t.Error("Fits does not count as PubNub does")
	}
}

func TestPublishConcurrently(t *testing.T) {
	t.Parallel()
	var next atomic.Int64
	next.Store(17000000000000000)
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, fmt.Sprintf(`[1,"Sent","%d"]`, next.Add(1)))
	})
	var seen sync.Map
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			at, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
			if _, twice := seen.LoadOrStore(at, true); twice || err != nil {
				t.Errorf("timetoken %v, %v", at, err)
			}
		})
	}
	wg.Wait()
}

// A portal's redirect would carry keys and token away in Referer.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			t.Errorf("followed, with Referer %q", r.Referer())
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
	if _, err := c.HereNow(t.Context(), "a"); classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
	if _, err := c.Time(t.Context()); classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
}

func TestErrorsAndLogsTellNoSecrets(t *testing.T) {
	t.Parallel()
	log := &syncBuffer{}
	var n atomic.Int32
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 5 {
		case 0:
			hangUp(w)
		case 1:
			fmt.Fprint(w, "<html>", r.URL.String())
		case 2:
			reply(w, 403, fmt.Sprintf(`{"message":%q,"status":403}`, r.URL.String()))
		case 3:
			reply(w, 400, fmt.Sprintf(`[0,%q,"1"]`, r.URL.String()))
		case 4:
			reply(w, 200, fmt.Sprintf(`[%q]`, r.URL.String()))
		}
	}, logTo(log))
	s := c.Subscribe(0)
	_ = s.SetChannels("very-secret-channel")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx, func(pubnub.Message) {}) }()
	for range 15 {
		_, err := c.Publish(t.Context(), "very-secret-channel", ciphertext, pubnub.PublishOptions{})
		_, _, err2 := c.History(t.Context(), "very-secret-channel", 1, 0)
		_, err3 := c.ChannelMetadata(t.Context(), "very-secret-channel")
		_, err4 := c.HereNow(t.Context(), "very-secret-channel")
		err5 := c.SetState(t.Context(), "very-secret-channel", map[string]string{"a": "hidden"})
		for _, err := range []error{err, err2, err3, err4, err5} {
			e, _ := errors.AsType[*pubnub.Error](err)
			fmt.Fprintf(log, "%v %+v %#v %s\n", err, err, e, e.Hint())
		}
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "subscription interrupted") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	for _, secret := range []string{token, publishKey, "sub-key", "very-secret", ciphertext, "hidden", "127.0.0.1"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q in:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "subscription interrupted") {
		t.Error("nothing logged")
	}
}

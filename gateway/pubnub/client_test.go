package pubnub_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

func TestNewChecksItsConfig(t *testing.T) {
	t.Parallel()
	good := pubnub.Config{PublishKey: "p", SubscribeKey: "s", UserID: "lobby-1"}
	if c, err := pubnub.New(good); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	for name, change := range map[string]func(*pubnub.Config){
		"origin with scheme":     func(c *pubnub.Config) { c.Origin = "https://ps.pndsn.com" },
		"origin with path":       func(c *pubnub.Config) { c.Origin = "ps.pndsn.com/x" },
		"origin with user":       func(c *pubnub.Config) { c.Origin = "u:p@ps.pndsn.com" },
		"no publish key":         func(c *pubnub.Config) { c.PublishKey = "" },
		"key with a slash":       func(c *pubnub.Config) { c.SubscribeKey = "s/../x" },
		"key with a percent":     func(c *pubnub.Config) { c.SubscribeKey = "s%2f" },
		"blank user":             func(c *pubnub.Config) { c.UserID = " " }, // panics in the SDK
		"proxy with a password":  func(c *pubnub.Config) { c.Proxy.URL = "http://u:hunter2@proxy:3128" },
		"proxy without a scheme": func(c *pubnub.Config) { c.Proxy.URL = "proxy:3128" },
		"proxy by another way":   func(c *pubnub.Config) { c.Proxy.URL = "ftp://proxy:3128" },
		"no CA file":             func(c *pubnub.Config) { c.CAFile = "testdata/none.pem" },
		"CA file without CAs":    func(c *pubnub.Config) { c.CAFile = "client_test.go" },
	} {
		cfg := good
		change(&cfg)
		if _, err := pubnub.New(cfg); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimeKeepsItsDigits(t *testing.T) {
	t.Parallel()
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("auth") {
			t.Error("sent a token where none is needed")
		}
		reply(w, 200, `[17000000000000003]`)
	})
	now, err := c.Time(t.Context())
	if want := time.Date(2023, 11, 14, 22, 13, 20, 300, time.UTC); err != nil || !now.Equal(want) {
		t.Errorf("%v, %v, want %v", now, err, want)
	}
	for _, body := range []string{`[]`, `[0]`, `[1.5]`, `{"a":1}`, `[-4]`, `[17000000000000003,2]`} {
		c := origin(t, raw(body))
		if now, err := c.Time(t.Context()); classOf(err) != pubnub.Temporary {
			t.Errorf("%s: %v, %v", body, now, err)
		}
	}
}

func TestTimetoken(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 1, 2, 3, 456789100, time.UTC)
	tt := pubnub.TimetokenAt(at)
	if !tt.Time().Equal(at) || tt.Add(-2*time.Minute).Time() != at.Add(-2*time.Minute) || pubnub.Timetoken(5).Add(-time.Hour) != 0 {
		t.Errorf("%v: %v", tt, tt.Time())
	}
	if back, err := pubnub.ParseTimetoken(tt.String()); back != tt || err != nil {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{"", "-1", "+1", "1e9", " 1", "17000000000000000000", "9223372036854775808"} {
		if tt, err := pubnub.ParseTimetoken(bad); err == nil {
			t.Errorf("%q is %v", bad, tt)
		}
	}
}

// The SDK leaks one goroutine for each client it made, and panics in Destroy
// when it is called twice or before a request.
func TestCloseLeavesLittleBehind(t *testing.T) { // not parallel: it counts goroutines
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/publish") {
			reply(w, 200, `[1,"Sent","17000000000000001"]`)
			return
		}
		(&script{}).ServeHTTP(w, r)
	}))
	const cycles = 100
	before := runtime.NumGoroutine()
	for n := range cycles {
		c := newClient(t, server)
		if n%2 == 0 {
			sub := c.Subscribe(0)
			_ = sub.SetChannels("a")
			done := make(chan struct{})
			go func() { defer close(done); _ = sub.Run(t.Context(), func(pubnub.Message) {}) }()
			if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); err != nil {
				t.Error(err)
			}
			c.Close()
			<-done
		}
		c.Close()
		c.Close()
	}
	server.Close()
	most := before + cycles/2 // the SDK's own, for each client that published
	deadline := time.Now().Add(waitLimit)
	for runtime.NumGoroutine() > most+5 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > most+5 {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines, %d before:\n%s", n, before, stacks[:runtime.Stack(stacks, true)])
	}
}

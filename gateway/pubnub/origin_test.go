package pubnub_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

const (
	token      = "tok-Secret-403"
	publishKey = "pub-key-secret"
	waitLimit  = 15 * time.Second // for what should take milliseconds
)

// origin starts a server in PubNub's place and a client for it with short waits.
func origin(t *testing.T, handler http.HandlerFunc, options ...func(*pubnub.Config)) *pubnub.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	client := newClient(t, server, options...)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client
}

func newClient(t *testing.T, server *httptest.Server, options ...func(*pubnub.Config)) *pubnub.Client {
	t.Helper()
	scheme, host, _ := strings.Cut(server.URL, "://")
	cfg := pubnub.Config{
		Origin: host, Insecure: scheme == "http",
		PublishKey: publishKey, SubscribeKey: "sub-key", UserID: "lobby-1",
		Token:          func() string { return token },
		RequestTimeout: 2 * waitLimit,
		PollTimeout:    2 * waitLimit,
		PollSpacing:    time.Millisecond,
		RetryMin:       time.Millisecond,
		RetryMax:       5 * time.Millisecond,
		DeniedWait:     20 * time.Millisecond,
	}
	for _, option := range options {
		option(&cfg)
	}
	client, err := pubnub.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// hangUp cuts the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// hold keeps a poll open until the client leaves.
func hold(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(waitLimit):
	}
}

func logTo(log *syncBuffer) func(*pubnub.Config) {
	return func(c *pubnub.Config) {
		c.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, waitLimit)
}

package pubnub_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

func accept(w http.ResponseWriter, _ *http.Request) { reply(w, 200, `[1,"Sent","17000000000000001"]`) }

// secureOrigin is a TLS server whose certificate is for example.com, and a
// file with its CA.
func secureOrigin(t *testing.T, handler http.HandlerFunc) (server *httptest.Server, caFile string) {
	t.Helper()
	server = httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it expects bad handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return server, caFile
}

func TestPrivateCA(t *testing.T) {
	t.Parallel()
	server, caFile := secureOrigin(t, accept)
	publish := func(option func(*pubnub.Config)) error {
		c := newClient(t, server, option)
		defer c.Close()
		_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
		return err
	}
	if err := publish(func(c *pubnub.Config) { c.CAFile = caFile }); err != nil {
		t.Error(err)
	}
	for name, option := range map[string]func(*pubnub.Config){
		"unknown CA": func(*pubnub.Config) {},
		"wrong name": func(c *pubnub.Config) {
			c.CAFile = caFile
			c.Origin = strings.Replace(c.Origin, "127.0.0.1", "localhost", 1)
		},
		"clock ahead": func(c *pubnub.Config) {
			c.CAFile = caFile
			c.Clock = func() time.Time { return time.Now().AddDate(200, 0, 0) }
		},
	} {
		e, ok := errors.AsType[*pubnub.Error](publish(option))
		if !ok || e.Reason != pubnub.ReasonCertificate || e.Class != pubnub.Temporary || !strings.Contains(e.Hint(), "clock") {
			t.Errorf("%s: %v", name, e)
		}
	}
	// Something on the way answers in plain text.
	plain := httptest.NewServer(http.HandlerFunc(accept))
	defer plain.Close()
	c := newClient(t, plain, func(c *pubnub.Config) { c.Insecure = false })
	defer c.Close()
	_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if e, ok := errors.AsType[*pubnub.Error](err); !ok || e.Reason != pubnub.ReasonNotTLS {
		t.Error(err)
	}
}

// A clock that lost its battery is held to be no earlier than the build, so
// that it does not hinder; here the hook itself.
func TestClockHookDecidesAboutCertificates(t *testing.T) {
	t.Parallel()
	server, caFile := secureOrigin(t, accept)
	start := server.Certificate().NotBefore
	for _, row := range []struct {
		now time.Time
		ok  bool
	}{{start.Add(-time.Hour), false}, {start.Add(time.Hour), true}} {
		c := newClient(t, server, func(c *pubnub.Config) {
			c.CAFile = caFile
			c.Clock = func() time.Time { return row.now }
		})
		_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
		if (err == nil) != row.ok {
			t.Errorf("at %v: %v", row.now, err)
		}
		c.Close()
	}
}

// connectProxy lets everything through to one address, for one user.
type connectProxy struct {
	target   string
	password atomic.Value
	asked    atomic.Value // last CONNECT target
	refused  atomic.Int32
	wg       sync.WaitGroup
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Store(r.Method + " " + r.Host)
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("kiosk:"+p.password.Load().(string)))
	if r.Header.Get("Proxy-Authorization") != want {
		p.refused.Add(1)
		w.Header().Set("Proxy-Authenticate", "Basic")
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	// Taken over before it is answered: the server's own reader may hold the
	// first byte that the client sends after the answer.
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	if _, err := io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	p.wg.Go(func() { _, _ = io.Copy(out, buffered); out.Close() })
	_, _ = io.Copy(in, out)
}

func TestThroughAProxyWithCredentials(t *testing.T) {
	t.Parallel()
	var polls script
	server, caFile := secureOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the origin sees the proxy's password")
		}
		if strings.HasPrefix(r.URL.Path, "/publish") {
			accept(w, r)
			return
		}
		polls.ServeHTTP(w, r)
	})
	proxy := &connectProxy{target: server.Listener.Addr().String()}
	proxy.password.Store("right")
	way := httptest.NewServer(proxy)
	defer way.Close()
	password := "wrong"
	through := func(c *pubnub.Config) {
		c.Origin, c.CAFile = "example.com", caFile // no such name here: the proxy resolves it
		c.Proxy = pubnub.Proxy{
			URL:         way.URL,
			NoProxy:     "example.org,.clinic.internal,10.0.0.0/8",
			Credentials: func() (string, string) { return "kiosk", password },
		}
	}
	c := newClient(t, server, through)
	_, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	e, ok := errors.AsType[*pubnub.Error](err)
	if !ok || e.Reason != pubnub.ReasonProxy || e.Class != pubnub.Temporary || proxy.refused.Load() == 0 {
		t.Errorf("wrong password: %v, %d refused", err, proxy.refused.Load())
	}
	password = "right" // asked for anew
	if _, err := c.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{}); err != nil {
		t.Error(err)
	}
	if asked := proxy.asked.Load(); asked != "CONNECT example.com:443" {
		t.Errorf("proxy was asked %v", asked)
	}
	in := listen(t, c, 0)
	eventually(t, "a poll through the proxy", func() bool { return in.sub.Status().Connected && polls.polls.Load() > 0 })
	c.Close()

	// A label over 63 characters is no name at all (RFC 1035, 2.3.4), so that
	// the answer is the same whatever resolver this machine has.
	nowhere := strings.Repeat("x", 64) + ".example.com"
	direct := newClient(t, server, func(cfg *pubnub.Config) {
		through(cfg)
		cfg.Origin, cfg.Proxy.NoProxy = nowhere, nowhere
	})
	_, err = direct.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if e, ok := errors.AsType[*pubnub.Error](err); !ok || e.Reason != pubnub.ReasonName {
		t.Errorf("a name that is nowhere: %v", err)
	}
	if asked := proxy.asked.Load(); asked == "CONNECT "+nowhere+":443" {
		t.Error("the proxy was asked in spite of NoProxy")
	}
	direct.Close()

	gone := newClient(t, server, func(cfg *pubnub.Config) { through(cfg); cfg.Proxy.URL = "http://127.0.0.1:1" })
	_, err = gone.Publish(t.Context(), "a", ciphertext, pubnub.PublishOptions{})
	if e, ok := errors.AsType[*pubnub.Error](err); !ok || e.Reason != pubnub.ReasonProxy {
		t.Errorf("no proxy there: %v", err)
	}
	gone.Close()
}

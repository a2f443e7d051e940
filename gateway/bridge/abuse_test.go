package bridge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/bridge"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// attacked is a site with three devices: one that behaves, one that was taken over,
// and one that speaks for many. Whatever the test does, the first goes on.
type attacked struct {
	*site
	in     *intake
	honest paho.Client
	sent   int
}

const honestTopic = "clinic/main/lobby-1/vitals/honest/event"

func newAttacked(t *testing.T) *attacked {
	t.Helper()
	a := &attacked{in: &intake{}}
	a.site = newSite(t, a.in.take, bridge.Party{ID: "honest", Kind: bridge.KindDevice}, bridge.Party{ID: "taken", Kind: bridge.KindDevice},
		bridge.Party{ID: "zigbee", Kind: bridge.KindDevice, Topics: []string{"zigbee2mqtt/#"}}, bridge.Party{ID: "lobby-2", Kind: bridge.KindKiosk})
	a.serve(t)
	var err error
	if a.honest, err = a.connect("honest", "honest", a.credentials["honest"], "127.0.0.1", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.honest.Disconnect(10) })
	return a
}

// connect comes over the network from an address of this machine.
func (a *attacked) connect(id, user, password, from string, change func(*paho.ClientOptions)) (paho.Client, error) {
	text, err := os.ReadFile(a.pki.file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	o := paho.NewClientOptions().AddBroker("tls://" + a.LANAddr()).SetClientID(id).SetUsername(user).SetPassword(password).SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetTLSConfig(&tls.Config{RootCAs: pool, ServerName: "localhost"}).
		SetDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}})
	if change != nil {
		change(o)
	}
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(15 * time.Second) {
		return nil, context.DeadlineExceeded
	}
	return c, token.Error()
}

// counted waits until the broker has counted: a client may know that it was refused
// a moment before.
func (a *attacked) counted(t *testing.T, what string, holds func(bridge.BrokerStatus) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(a.Status()); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s, and %+v counted", what, a.Status())
			return
		}
	}
}

// undisturbed checks that the device that behaves still gets its acknowledgements
// on the connection that it has.
func (a *attacked) undisturbed(t *testing.T) {
	t.Helper()
	a.sent++
	token := a.honest.Publish(honestTopic, 1, false, fmt.Sprintf(`{"n":%d}`, a.sent))
	if !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		t.Fatalf("the device that behaves got no acknowledgement: %v", token.Error())
	}
	got := 0
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	for _, m := range a.in.got {
		if m.Topic == honestTopic {
			got++
		} else if !strings.Contains(m.Topic, "/taken/") && !strings.HasPrefix(m.Topic, "zigbee2mqtt/") {
			t.Errorf("a message on %s was taken", m.Topic)
		}
	}
	if got != a.sent {
		t.Errorf("of %d messages of the device that behaves %d were taken", a.sent, got)
	}
}

func TestSpoofedDevice(t *testing.T) {
	a := newAttacked(t)
	if _, err := a.connect("honest", "taken", a.credentials["taken"], "127.0.0.1", nil); err == nil {
		t.Error("a device came in as another one")
	}
	if _, err := a.connect("honest", "honest", a.credentials["taken"], "127.0.0.1", nil); err == nil {
		t.Error("a device came in with another one's credential")
	}
	for _, topic := range []string{honestTopic, "clinic/main/lobby-1/vitals/taken/command", "zigbee2mqtt/button", "clinicgate/main/x/lobby-2/queue", "clinicgate/main/health/lobby-1/honest", "$SYS/broker/version"} {
		c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token := c.Publish(topic, 1, false, `{}`); token.WaitTimeout(time.Second) && token.Error() == nil && c.IsConnectionOpen() {
			t.Errorf("a device published on %s", topic)
		}
		c.Disconnect(10)
		_, err = a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", func(o *paho.ClientOptions) { o.SetWill(topic, `{}`, 1, true) })
		if err == nil {
			t.Errorf("a device left a will for %s", topic)
		}
	}
	a.counted(t, "11 messages and two logins were refused", func(st bridge.BrokerStatus) bool { return st.Refused >= 11 && st.Logins == 2 })
	a.undisturbed(t)
}

func TestForbiddenSubscriptions(t *testing.T) {
	a := newAttacked(t)
	for id, filters := range map[string][]string{
		"taken":   {"#", "+/#", "clinic/#", "clinic/main/lobby-1/+/taken/command", "clinic/main/lobby-1/vitals/honest/command", "$SYS/#", "$share/x/#", "clinicgate/#", "clinicgate/main/x/#"},
		"zigbee":  {"#", "zigbee/#", "+/set"},
		"lobby-2": {"#", "clinicgate/+/x/#", "clinicgate/other/x/#", "clinic/#", "clinic/main/lobby-1/vitals/honest/event"},
	} {
		c, err := a.connect(id, id, a.credentials[id], "127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range filters {
			token := c.Subscribe(f, 1, nil).(*paho.SubscribeToken)
			token.WaitTimeout(5 * time.Second)
			for _, code := range token.Result() { // of one filter
				if token.Error() == nil && code < 0x80 {
					t.Errorf("%s subscribed to %s", id, f)
				}
			}
		}
		c.Disconnect(10)
	}
	a.undisturbed(t)
}

func TestHugePayload(t *testing.T) {
	a := newAttacked(t)
	for _, size := range []int{17 << 10, 256 << 10} {
		c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token := c.Publish("clinic/main/lobby-1/vitals/taken/event", 1, false, strings.Repeat("x", size)); token.WaitTimeout(time.Second) && token.Error() == nil && c.IsConnectionOpen() {
			t.Errorf("a payload of %d bytes was acknowledged", size)
		}
		c.Disconnect(10)
	}
	if n := a.in.count(); n != 0 {
		t.Errorf("%d were taken", n)
	}
	a.undisturbed(t)
}

func TestHalfOpenConnections(t *testing.T) {
	t.Parallel()
	a := newAttacked(t)
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	var open []net.Conn
	for range 100 {
		c, err := d.Dial("tcp", a.LANAddr())
		if err != nil {
			continue
		}
		open = append(open, c)
		t.Cleanup(func() { _ = c.Close() })
	}
	for deadline := time.Now().Add(5 * time.Second); a.Status().TurnedOff < 80 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if st := a.Status(); st.TurnedOff < 80 {
		t.Errorf("of %d silent connections %d were turned off", len(open), st.TurnedOff)
	}
	c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", nil)
	if err != nil {
		t.Fatalf("another device does not get in: %v", err)
	}
	c.Disconnect(10)
	a.undisturbed(t)
	for deadline := time.Now().Add(20 * time.Second); a.Status().HalfOpen < 8 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if st := a.Status(); st.HalfOpen < 8 {
		t.Errorf("%d silent connections were ended", st.HalfOpen)
	}
}

func TestRetainedFlood(t *testing.T) {
	a := newAttacked(t)
	kept := 0
	for i := 0; i < 200; i++ {
		c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", nil)
		if err != nil {
			break // it comes too often
		}
		for c.IsConnectionOpen() && i < 200 {
			token := c.Publish(fmt.Sprintf("clinic/main/lobby-1/class-%d/taken/state", i), 1, true, `{"v":1,"state":"ok"}`)
			if token.WaitTimeout(300*time.Millisecond) && token.Error() == nil && c.IsConnectionOpen() {
				kept++
			}
			i++
		}
		c.Disconnect(10)
	}
	if st := a.Status(); st.Retained > 32 || kept > 40 || st.Refused == 0 {
		t.Errorf("one device has %d retained messages (%d acknowledged), %d refused", st.Retained, kept, st.Refused)
	}
	if token := a.honest.Publish("clinic/main/lobby-1/vitals/honest/event", 1, true, `{}`); token.WaitTimeout(300*time.Millisecond) && token.Error() == nil && a.honest.IsConnectionOpen() {
		t.Error("an event was retained")
	}
	z, err := a.connect("zigbee", "zigbee", a.credentials["zigbee"], "127.0.0.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Disconnect(10)
	if token := z.Publish("zigbee2mqtt/button/availability", 1, true, `online`); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Errorf("another client may retain nothing any more: %v", token.Error())
	}
}

func TestWillStorm(t *testing.T) {
	a := newAttacked(t)
	refused := 0
	for i := range 100 {
		_, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", func(o *paho.ClientOptions) {
			o.SetWill("clinic/main/lobby-1/vitals/taken/state", fmt.Sprintf(`{"v":1,"state":"lost","n":%d}`, i), 1, true)
		})
		if err != nil {
			refused++
		}
		// The next one takes its session, which ends this one without a word.
	}
	if refused < 60 {
		t.Errorf("of 100 connections %d were refused", refused)
	}
	if n := a.in.count(); n > 40 {
		t.Errorf("%d wills were taken", n)
	}
	if st := a.Status(); st.TooOften == 0 || st.Takeovers == 0 || st.Retained > 2 {
		t.Errorf("status %+v", st)
	}
	a.undisturbed(t)
}

func TestGuessedCredentials(t *testing.T) {
	a := newAttacked(t)
	for range 30 {
		if _, err := a.connect("taken", "taken", bridge.NewCredential(), "127.0.0.2", nil); err == nil {
			t.Fatal("a guess was right")
		}
	}
	// In ten seconds a guess is allowed again, and on a slow machine they may be over.
	shut := false
	for tries := 1; !shut; tries++ {
		c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.2", nil)
		if shut = err != nil; shut {
			break
		}
		c.Disconnect(10)
		if tries == 3 {
			t.Error("who guesses goes on without a pause")
			break
		}
		_, _ = a.connect("taken", "taken", bridge.NewCredential(), "127.0.0.2", nil)
	}
	c, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", nil)
	if err != nil {
		t.Errorf("the device itself is shut out: %v", err)
	} else {
		c.Disconnect(10)
	}
	a.counted(t, "31 logins failed", func(st bridge.BrokerStatus) bool { return st.Logins >= 31 })
	a.undisturbed(t)
}

// The will of a lost device is as durable as its own words.
func TestWillReachesTheIntake(t *testing.T) {
	a := newAttacked(t)
	conn := make(chan net.Conn, 1)
	_, err := a.connect("taken", "taken", a.credentials["taken"], "127.0.0.1", func(o *paho.ClientOptions) {
		o.SetWill("clinic/main/lobby-1/vitals/taken/state", `{"v":1,"state":"lost"}`, 1, true)
		settings := o.TLSConfig
		o.SetCustomOpenConnectionFn(func(_ *url.URL, _ paho.ClientOptions) (net.Conn, error) {
			c, err := tls.Dial("tcp", a.LANAddr(), settings)
			if err == nil {
				conn <- c
			}
			return c, err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = (<-conn).Close()
	for deadline := time.Now().Add(10 * time.Second); a.in.count() == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	a.in.mu.Lock()
	defer a.in.mu.Unlock()
	if len(a.in.got) != 1 || string(a.in.got[0].Payload) != `{"v":1,"state":"lost"}` || a.in.got[0].Client != "taken" {
		t.Errorf("got %+v, want the will", a.in.got)
	}
}

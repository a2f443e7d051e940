package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/mqtt"
	"clinicgate/gateway/bridge"

	paho "github.com/eclipse/paho.mqtt.golang"
)

type intake struct {
	mu   sync.Mutex
	got  []mqtt.Message
	fail error
	hold chan struct{}
}

func (i *intake) take(ctx context.Context, m mqtt.Message) error {
	if i.hold != nil {
		select {
		case <-i.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		return i.fail
	}
	i.got = append(i.got, m)
	return nil
}

func (i *intake) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.got)
}

func serve(t *testing.T, in *intake) *bridge.Broker {
	t.Helper()
	b, _ := begin(t, in.take)
	return b
}

// begin runs a broker until stop, or the end of the test.
func begin(t *testing.T, take mqtt.Intake) (b *bridge.Broker, stop func()) {
	t.Helper()
	b, err := bridge.New(bridge.Config{Listen: "127.0.0.1:0", Site: "main", Kiosk: "lobby-1"}, take, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return b, stop
}

func client(t *testing.T, b *bridge.Broker, id string) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second)
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatalf("connect as %q: %v", id, token.Error())
	}
	t.Cleanup(func() { c.Disconnect(10) })
	return c
}

const topic = "clinic/main/lobby-1/vitals/cuff-1/event"

func TestAcknowledgedOnlyWhenDurable(t *testing.T) {
	in := &intake{hold: make(chan struct{})}
	b := serve(t, in)
	c := client(t, b, "cuff-1")
	token := c.Publish(topic, 1, false, `{"v":1}`)
	if token.WaitTimeout(200 * time.Millisecond) {
		t.Fatal("acknowledged while the intake was still at work")
	}
	close(in.hold)
	if !token.WaitTimeout(5*time.Second) || token.Error() != nil || in.count() != 1 {
		t.Fatalf("not acknowledged after the intake was done: %v, %d taken", token.Error(), in.count())
	}
}

func TestNotAcknowledgedWhenNotDurable(t *testing.T) {
	in := &intake{fail: errors.New("disk is full")}
	b := serve(t, in)
	lost := make(chan struct{})
	o := paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("cuff-1").SetAutoReconnect(false).
		SetConnectionLostHandler(func(paho.Client, error) { close(lost) })
	c := paho.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	token := c.Publish(topic, 1, false, `{"v":1}`)
	select {
	case <-lost:
	case <-time.After(5 * time.Second):
		t.Fatal("the device was not told that its message is not durable")
	}
	if token.WaitTimeout(50*time.Millisecond) && token.Error() == nil {
		t.Error("acknowledged although the intake failed")
	}
	if got := b.Status().Failed; got != 1 {
		t.Errorf("failed counts %d, want 1", got)
	}
}

// leave disconnects a client and waits until the broker knows: who comes back sooner
// takes its own earlier connection over, and may not do that often.
func leave(t *testing.T, b *bridge.Broker, c paho.Client) {
	t.Helper()
	c.Disconnect(10)
	for limit := time.Now().Add(5 * time.Second); b.Status().Connected > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the broker still has a client that left")
		}
	}
}

func TestDeviceStaysBelowItsOwnID(t *testing.T) {
	in := &intake{}
	b := serve(t, in)
	for _, forbidden := range []string{
		"clinic/main/lobby-1/vitals/cuff-2/event",
		"clinic/main/lobby-2/vitals/cuff-1/event",
		"clinic/other/lobby-1/vitals/cuff-1/event",
		"clinic/main/lobby-1/vitals/cuff-1/command",
		"other/topic",
	} {
		c := client(t, b, "cuff-1")
		c.Publish(forbidden, 1, false, `{}`).WaitTimeout(300 * time.Millisecond)
		leave(t, b, c)
	}
	for _, filter := range []string{"#", "clinic/#", "clinic/main/lobby-1/vitals/+/command", "clinic/main/lobby-1/vitals/cuff-2/command"} {
		c := client(t, b, "cuff-1")
		token := c.Subscribe(filter, 1, nil).(*paho.SubscribeToken)
		if !token.WaitTimeout(20 * time.Second) {
			t.Fatalf("no answer to a subscription to %q", filter)
		}
		if code := token.Result()[filter]; token.Error() == nil && code < 0x80 {
			t.Errorf("subscribed to %q", filter)
		}
		leave(t, b, c)
	}
	if in.count() != 0 {
		t.Errorf("%d forbidden messages were taken", in.count())
	}
}

func TestOversizedPacketIsRefused(t *testing.T) {
	in := &intake{}
	b := serve(t, in)
	c := client(t, b, "cuff-1")
	c.Publish(topic, 1, false, strings.Repeat("x", 256<<10)).WaitTimeout(300 * time.Millisecond)
	if in.count() != 0 {
		t.Error("a 256 KiB payload was taken")
	}
}

func TestCommandReachesTheDevice(t *testing.T) {
	b := serve(t, &intake{})
	c := client(t, b, "lamp-1")
	got := make(chan string, 1)
	to := mqtt.Topic{Site: "main", Kiosk: "lobby-1", Class: "lamp", Device: "lamp-1", Leaf: mqtt.LeafCommand}
	if token := c.Subscribe(to.String(), 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if err := b.Publish(t.Context(), to.String(), []byte(`{"on":true}`)); err != nil {
		t.Fatal(err)
	}
	select {
	case p := <-got:
		if p != `{"on":true}` {
			t.Errorf("the device got %q", p)
		}
	case <-time.After(5 * time.Second):
		t.Error("the device got nothing")
	}
}

// What was published before the end is written before the end, also to who is given no
// acknowledgement of what it says meanwhile.
func TestTheLastWordIsWritten(t *testing.T) {
	const n = 100
	for range 5 {
		ending := make(chan struct{})
		b, stop := begin(t, func(ctx context.Context, _ mqtt.Message) error {
			close(ending)
			<-ctx.Done()
			return ctx.Err()
		})
		c := client(t, b, "lamp-1")
		got := make(chan string, n)
		to := mqtt.Topic{Site: "main", Kiosk: "lobby-1", Class: "lamp", Device: "lamp-1", Leaf: mqtt.LeafCommand}
		if token := c.Subscribe(to.String(), 0, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }); !token.WaitTimeout(5*time.Second) || token.Error() != nil {
			t.Fatal(token.Error())
		}
		c.Publish("clinic/main/lobby-1/lamp/lamp-1/state", 1, false, "x")
		<-ending
		for i := range n {
			if err := b.Publish(t.Context(), to.String(), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		stop()
		for i := range n {
			select {
			case p := <-got:
				if p != fmt.Sprint(i) {
					t.Fatalf("the device got %q, want %d", p, i)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("the device got %d of %d", i, n)
			}
		}
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:1883", "192.168.1.5:1883", ":1883"} {
		if _, err := bridge.New(bridge.Config{Listen: listen}, nil, nil); !errors.Is(err, bridge.ErrNotLoopback) {
			t.Errorf("New(%q) gave %v, want ErrNotLoopback", listen, err)
		}
	}
}

func FuzzParseTopic(f *testing.F) {
	f.Add(topic)
	f.Add("clinic/+/#")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := mqtt.ParseTopic(s); err == nil && got.String() != s {
			t.Errorf("ParseTopic(%q) gives back %q", s, got)
		}
	})
}

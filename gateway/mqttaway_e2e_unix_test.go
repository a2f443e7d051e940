//go:build e2e && unix

package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/bridge"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// mosquitto is a clinic's own broker, which can be away.
type mosquitto struct {
	t    *testing.T
	addr string
	conf string
	run  *exec.Cmd
}

func newMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, addr: freeAddress(t), conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	_, port, _ := net.SplitHostPort(m.addr)
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nlog_dest none\n", port)
	if os.Geteuid() == 0 {
		text += "user root\n" // else it gives up its rights and cannot read the test's files
	}
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.stop)
	m.start()
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto"
	}
	m.run = exec.Command(program, "-c", m.conf)
	if err := m.run.Start(); err != nil {
		m.t.Fatalf("%v: install mosquitto", err)
	}
	for range 600 {
		if conn, err := net.Dial("tcp", m.addr); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.t.Fatal("mosquitto does not listen")
}

func (m *mosquitto) stop() {
	if m.run != nil {
		_ = m.run.Process.Signal(syscall.SIGTERM)
		_ = m.run.Wait()
		m.run = nil
	}
}

// What could not be sent because the clinic's broker was away is sent when it is back,
// though the kiosk's own broker, which has none of the devices, takes everything: a
// siren is silent again, a door is closed, a display shows who is called.
func TestE2ETheExternalBrokerIsAway(t *testing.T) {
	t.Parallel()
	external := newMosquitto(t)
	c := newClinic(t, func(cfg *config.Config) {
		cfg.MQTT.Broker = "tcp://" + external.addr
		cfg.MQTT.Maps = []config.MQTTMap{{Use: "zigbee2mqtt"}}
		cfg.Devices = []config.Device{{ID: "hall", Class: "button", Port: "mqtt:hall button"}, {ID: "tv", Class: "display", Port: "mqtt:tv-1"},
			{ID: "siren", Class: "sounder", Port: "mqtt:siren", Speaks: "zigbee2mqtt"},
			{ID: "gate", Class: "door", Port: "mqtt:lock", Speaks: "zigbee2mqtt", On: "UNLOCK", Off: "LOCK", Remote: []string{"open"}}}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
	})
	if c.cfg.MQTT.Listen == "" {
		t.Fatal("the kiosk's own broker is off")
	}
	// No session: what the kiosk says before this is back, nobody hears.
	there, err := bridge.NewClient(bridge.ClientConfig{Broker: "tcp://" + external.addr, ID: "zigbee", Clean: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told, up := make(chan string, 1000), make(chan struct{}, 10)
	for _, name := range []string{"siren", "lock"} {
		there.Subscribe("zigbee2mqtt/"+name+"/set", func(_ context.Context, _ string, payload []byte) error {
			told <- name + " " + string(payload)
			return nil
		})
	}
	there.Subscribe("clinic/main/lobby-1/display/tv-1/command", func(_ context.Context, _ string, payload []byte) error {
		var is struct {
			ID   string
			Args map[string]string
		}
		if err := json.Unmarshal(payload, &is); err != nil {
			return err
		}
		told <- "tv " + is.Args["number"]
		go func() {
			_ = say(t, there, "clinic/main/lobby-1/display/tv-1/ack", `{"v":1,"id":"`+is.ID+`","ok":true}`)
		}()
		return nil
	})
	there.Connected(func() { up <- struct{}{} })
	runClient(t, there)
	<-up
	hears := func(want ...string) {
		t.Helper()
		missing := map[string]bool{}
		for _, w := range want {
			missing[w] = true
		}
		for limit := time.After(2 * time.Minute); len(missing) > 0; {
			select {
			case got := <-told:
				delete(missing, got)
			case <-limit:
				t.Fatalf("nobody was told %v\n%s", missing, c.log.String())
			}
		}
	}
	is := func(topic, payload string) {
		t.Helper()
		if err := say(t, there, topic, payload); err != nil {
			t.Fatal(err)
		}
	}
	orders := c.orders()
	c.typed(c.browser(), c.admit("apt-1"))
	is("zigbee2mqtt/siren/availability", "online")
	is("zigbee2mqtt/lock/availability", "online")
	is("clinic/main/lobby-1/display/tv-1/state", `{"v":1,"state":"ready"}`)
	for _, id := range []string{"siren", "gate", "tv"} {
		c.eventually(id+" is there", func() bool { return c.device(id).State == "attached" })
	}
	hears("tv ")
	is("zigbee2mqtt/hall button", `{"action":"single"}`)
	hears(`siren {"state":"ON"}`)
	orders.send(orders.key, map[string]any{"device": "gate", "verb": "open"}, "nonce-nonce-nonce-1", time.Minute)
	hears(`lock {"state":"UNLOCK"}`)
	external.stop()
	help, err := c.control.HelpList(t.Context())
	if err != nil || len(help.Help) != 1 {
		t.Fatalf("help: %+v, %v", help, err)
	}
	if _, err := c.control.AcknowledgeHelp(t.Context(), control.AcknowledgeHelp{ID: help.Help[0].ID}); err != nil {
		t.Fatal(err)
	}
	list, err := c.control.QueueList(t.Context())
	if err != nil || len(list.Entries) != 1 {
		t.Fatalf("queue: %+v, %v", list, err)
	}
	if _, err := c.control.CallEntry(t.Context(), control.CallEntry{Entry: list.Entries[0].ID.String(), Room: "101"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(7 * time.Second) // longer than the door is open
	if done := c.audited(kiosk.CommandDone); len(done) != 0 {
		t.Errorf("on record while the door stands open: %q", done)
	}
	external.start()
	hears(`siren {"state":"OFF"}`, `lock {"state":"LOCK"}`, "tv A-001")
}

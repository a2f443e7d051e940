package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/bridge"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
)

// knows imports another kiosk's public key.
func (c *clinic) knows(id string, other *clinic) {
	c.t.Helper()
	keys, err := other.control.KeyList(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	secrets, _ := json.Marshal([]map[string]string{{"kind": "kiosk-public", "owner": id, "value": base64.StdEncoding.EncodeToString(keys.Public)}})
	if _, err := c.control.KeyImport(c.t.Context(), control.KeyImport{Secrets: secrets}); err != nil {
		c.t.Fatal(err)
	}
}

// TestKiosksOfASiteAgreeThroughOneOfThem: a clinic without a broker of its own. The
// first kiosk's listener is the site's broker; each kiosk has a PubNub to itself, so
// that nothing comes that way. Who checks in at one is called at the other.
func TestKiosksOfASiteAgreeThroughOneOfThem(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	address := freeAddress(t)
	hub := newClinic(t, func(cfg *config.Config) {
		cfg.MQTT.LAN, cfg.MQTT.LANCertificate, cfg.MQTT.LANKey, cfg.MQTT.Exchange = address, cert, key, true
		cfg.MQTT.Clients = []config.MQTTClient{{ID: "lobby-2", Kind: config.MQTTKiosk}, {ID: "lobby-3", Kind: config.MQTTKiosk}}
	})
	password := hub.credential("lobby-3")
	credentials := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(credentials, []byte("lobby-2:"+hub.credential("lobby-2")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := newClinic(t, func(cfg *config.Config) {
		cfg.Kiosk.ID, cfg.Kiosk.Letter = "lobby-2", "B"
		cfg.MQTT.Broker, cfg.MQTT.BrokerCAFile, cfg.MQTT.BrokerCredentials, cfg.MQTT.Exchange = "tls://"+address, cert, credentials, true
		cfg.Devices = []config.Device{{ID: "lamp", Class: "lamp", Port: "mqtt:lamp-2"}}
		cfg.MQTT.Maps = []config.MQTTMap{{Use: "zigbee2mqtt"}} // nobody of whom is there
	})
	hub.knows("lobby-2", other)
	other.knows("lobby-1", hub)
	entry := func(c *clinic, status string) (id string) {
		t.Helper()
		c.eventually("one entry that is "+status, func() bool {
			list, err := c.control.QueueList(t.Context())
			if err != nil || len(list.Entries) != 1 || string(list.Entries[0].Status) != status {
				return false
			}
			id = list.Entries[0].ID.String()
			return true
		})
		return id
	}
	number := hub.checkedIn(hub.browser(), hub.admit("apt-1"))
	here, there := entry(hub, "waiting"), entry(other, "waiting")
	if here != there || number != "A-001" {
		t.Errorf("%s is %s here and %s there", number, here, there)
	}
	if _, err := other.control.Remove(t.Context(), control.Remove{Entry: there, Reason: "cancelled"}); err != nil {
		t.Fatal(err)
	}
	hub.eventually("the first kiosk knows", func() bool {
		list, err := hub.control.QueueList(t.Context())
		return err == nil && len(list.Entries) == 0
	})
	// How the second kiosk's lamp is, is kept at the first; what that does not let the
	// second one read keeps them not apart, and is told.
	third, err := bridge.NewClient(bridge.ClientConfig{Broker: "tls://" + address, ID: "lobby-3", CAFile: cert, Clean: true,
		Credentials: func() (string, string) { return "lobby-3", password }}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	kept := make(chan string, 16)
	third.Subscribe("clinicgate/main/health/#", func(_ context.Context, topic string, _ []byte) error { kept <- topic; return nil })
	runClient(t, third)
	select {
	case topic := <-kept:
		if topic != "clinicgate/main/health/lobby-2/lamp" {
			t.Errorf("kept on %s", topic)
		}
	case <-time.After(20 * time.Second):
		t.Error("how the lamp is was not kept")
	}
	now, err := other.control.Status(t.Context())
	if err != nil || !slices.ContainsFunc(now.Checks, func(c doctor.Report) bool {
		return c.ID == "mqtt-broker" && c.State == doctor.Warn && strings.Contains(c.Detail, "does not let this kiosk read zigbee2mqtt/+")
	}) {
		t.Errorf("checks %+v, %v", now.Checks, err)
	}
	st, err := other.control.Sync(t.Context())
	if err != nil || st.Exchange == nil || !st.Exchange.Connected || st.Exchange.Taken == 0 {
		t.Errorf("the exchange: %+v, %v", st.Exchange, err)
	}
}

package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/devices/mqtt"
	"clinicgate/gateway/config"
)

// withMQTT is a file that is right, but for what follows its [mqtt].
func withMQTT(t *testing.T, mqtt string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	return append(data, "\n[mqtt]\n"+mqtt...)
}

const wholeMQTT = `
lan_listen = "0.0.0.0:8883"
lan_certificate = "broker.crt"
lan_key = "broker.key"
lan_client_ca = "ca.crt"
broker = "tls://broker.example"
broker_client_id = "lobby-1"
broker_ca_file = "ca.crt"
broker_certificate = "kiosk.crt"
broker_key = "kiosk.key"
broker_credentials_file = "broker.credentials"
exchange = true

[[mqtt.client]]
id = "lobby-2"
kind = "kiosk"

[[mqtt.client]]
id = "zigbee"
kind = "device"
class = "vitals"
topics = ["zigbee2mqtt/#"]

[[mqtt.map]]
use = "zigbee2mqtt"
base = "zb"

[[mqtt.map]]
filter = "scales/+/data"
device_level = 2
device_path = ""
path = "weight"
kind = "weight"
unit = "kg"
words = {}
repeat_path = "seq"
time_path = "ts"
session_path = "session"
`

func TestMQTT(t *testing.T) {
	folder := t.TempDir()
	c, err := config.Parse(withMQTT(t, wholeMQTT), folder)
	if err != nil {
		t.Fatal(err)
	}
	if c.MQTT.BrokerKey != filepath.Join(folder, "kiosk.key") || len(c.MQTT.Clients) != 2 || c.MQTTClientID() != "lobby-1" {
		t.Errorf("lost values: %+v", c.MQTT)
	}
	rules := c.MQTT.Rules()
	if last := rules[len(rules)-1]; last.Kind != "weight" || last.IDPath != "seq" || rules[0].Filter != "zb/+" {
		t.Errorf("rules are %+v", rules)
	}
	again, err := config.Parse([]byte(config.Render(c)), "/elsewhere")
	if err != nil || config.Render(again) != config.Render(c) {
		t.Errorf("a rendered config is another one: %v\n%s", err, config.Render(c))
	}
	lines, err := config.Explain(withMQTT(t, wholeMQTT), folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lines {
		if strings.HasPrefix(e.Path, "mqtt.") && e.Doc == "" {
			t.Errorf("%s has no explanation", e.Path)
		}
	}
}

func TestMQTTProblems(t *testing.T) {
	for text, path := range map[string]string{
		`listen = "0.0.0.0:1883"`:                                          "mqtt.listen",
		`lan_listen = "0.0.0.0:8883"`:                                      "mqtt.lan_certificate",
		`lan_key = "x"`:                                                    "mqtt.lan_key",
		`broker = "tcp://broker.example:1883"`:                             "mqtt.broker",
		`exchange = true`:                                                  "mqtt.exchange",
		`broker = "broker.example"`:                                        "mqtt.broker",
		`broker_key = "x"`:                                                 "mqtt.broker_key",
		"broker = \"tls://b.example\"\nbroker_key = \"x\"":                 "mqtt.broker_key",
		"[[mqtt.client]]\nid = \"lobby-1\"\nkind = \"kiosk\"":              "mqtt.client[1].id",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"robot\"":                    "mqtt.client[1].kind",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"device\"\ntopics = [\"#\"]": "mqtt.client[1].topics",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"device\"\ntopics = [\"clinicgate/main/x/#\"]": "mqtt.client[1].topics",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"kiosk\"\ntopics = [\"zigbee2mqtt/#\"]":        "mqtt.client[1].class",
		"[[mqtt.map]]\nuse = \"zigbee\"":                                                                         "mqtt.map[1].use",
		"[[mqtt.map]]\nuse = \"homie\"\npath = \"x\"":                                                            "mqtt.map[1].use",
		"[[mqtt.map]]\nfilter = \"a/+\"\ndevice_level = 2\nkind = \"weight\"":                                    "mqtt.map[1]",
		"[[mqtt.map]]\nfilter = \"a/+\"\ndevice_level = 5\nkind = \"press\"\npath = \"action\"":                  "mqtt.map[1]",
		"[[mqtt.map]]\nfilter = \"a/+\"\ndevice_level = 2\nkind = \"weight\"\npath = \"w\"\nunit = \"stone\"":    "mqtt.map[1].unit",
		"[[mqtt.map]]\nfilter = \"a/+\"\ndevice_level = 2\nkind = \"systolic\"\npath = \"s\"\nunit = \"mm[Hg]\"": "mqtt.map[1].kind",
		"[[mqtt.map]]\nbase = \"x\"\nfilter = \"a/+\"\ndevice_level = 1\nkind = \"battery\"\n":                   "mqtt.map[1].base",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"device\"\npassword = \"hunter2-hunter2-hunter\"":                  "mqtt.client[1].password",
		"[[mqtt.client]]\nid = \"a\"\nkind = \"device\"\n[[mqtt.client]]\nid = \"a\"\nkind = \"device\"":         "mqtt.client[2].id",
	} {
		_, err := config.Parse(withMQTT(t, text), t.TempDir())
		problems, _ := errors.AsType[config.Problems](err)
		found := false
		for _, p := range problems {
			found = found || p.Path == path && (p.Line > 0 || p.Missing)
			if strings.Contains(p.Error(), "hunter2") {
				t.Errorf("a secret is shown: %v", p)
			}
		}
		if !found {
			t.Errorf("%s\ngave %v, want a problem of %s", text, err, path)
		}
	}
	if len(mqtt.Tables()) != 3 {
		t.Error("keys.toml names three ready tables")
	}
}

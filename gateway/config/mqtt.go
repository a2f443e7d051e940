package config

import (
	"fmt"
	"slices"
	"strings"

	"clinicgate/devices/mqtt"
	"clinicgate/devices/vitals"
)

// MQTT is the embedded broker, the way to an external one, and what publishers of
// other makers mean.
type MQTT struct {
	Listen string `toml:"listen"`

	// Of the listener for the network.
	LAN            string `toml:"lan_listen"`
	LANCertificate string `toml:"lan_certificate"`
	LANKey         string `toml:"lan_key"`
	LANClientCA    string `toml:"lan_client_ca"`

	// Of an external broker.
	Broker            string `toml:"broker"`
	BrokerClientID    string `toml:"broker_client_id"`
	BrokerCAFile      string `toml:"broker_ca_file"`
	BrokerCertificate string `toml:"broker_certificate"`
	BrokerKey         string `toml:"broker_key"`
	BrokerCredentials string `toml:"broker_credentials_file"`

	// Exchange: with the other kiosks of the site, over the external broker where
	// there is one, else over the embedded one.
	Exchange bool `toml:"exchange"`

	Clients []MQTTClient `toml:"client"`
	Maps    []MQTTMap    `toml:"map"`
}

// MQTTClient is a device or a kiosk that may come to the embedded broker over the
// network.
type MQTTClient struct {
	ID     string         `toml:"id"`
	Kind   MQTTClientKind `toml:"kind"`
	Class  string         `toml:"class"`
	Topics []string       `toml:"topics"`
}

// MQTTClientKind is what a client of the embedded broker is.
type MQTTClientKind string

// The kinds of clients.
const (
	MQTTDevice MQTTClientKind = "device"
	MQTTKiosk  MQTTClientKind = "kiosk"
)

// MQTTMap says what a publisher of another maker means: a ready table by name, or
// one rule.
type MQTTMap struct {
	Use  string `toml:"use"`
	Base string `toml:"base"`

	Filter      string            `toml:"filter"`
	DeviceLevel int               `toml:"device_level"`
	DevicePath  string            `toml:"device_path"`
	Path        string            `toml:"path"`
	Kind        mqtt.Kind         `toml:"kind"`
	Unit        string            `toml:"unit"`
	Words       map[string]string `toml:"words"`
	RepeatPath  string            `toml:"repeat_path"`
	TimePath    string            `toml:"time_path"`
	SessionPath string            `toml:"session_path"`
}

const (
	maxMQTTClients = 256
	maxMQTTMaps    = 32
	maxMQTTTopics  = 16
)

// MQTTClientID is this kiosk's client id at an external broker.
func (c *Config) MQTTClientID() string {
	if c.MQTT.BrokerClientID != "" {
		return c.MQTT.BrokerClientID
	}
	return c.Kiosk.ID
}

// Rules gives all tables in the form of gateway/bridge/mqtt.
func (m MQTT) Rules() []mqtt.Rule {
	var rules []mqtt.Rule
	for _, t := range m.Maps {
		rules = append(rules, t.rules()...)
	}
	return rules
}

func (t MQTTMap) rules() []mqtt.Rule {
	if t.Use != "" {
		return mqtt.Ready(t.Use, t.Base)
	}
	return []mqtt.Rule{{Filter: t.Filter, DeviceLevel: t.DeviceLevel, DevicePath: t.DevicePath, Path: t.Path, Kind: t.Kind, Unit: t.Unit,
		Words: t.Words, IDPath: t.RepeatPath, TimePath: t.TimePath, SessionPath: t.SessionPath}}
}

func (m MQTT) validate(c *Config, r *report) {
	if m.Listen != "" {
		r.loopback("mqtt.listen", m.Listen, "for devices on the network there is mqtt.lan_listen, with TLS")
	}
	m.validateLAN(r)
	m.validateBroker(c, r)
	if m.Exchange && m.Broker == "" && m.LAN == "" {
		r.bad("mqtt.exchange", "true", "true only with mqtt.broker or mqtt.lan_listen", "the kiosks of a site meet at one broker: Mosquitto, or one kiosk's mqtt.lan_listen")
	}
	m.validateClients(c, r)
	m.validateMaps(r)
}

func (m MQTT) validateLAN(r *report) {
	if m.LAN == "" {
		for _, k := range []struct{ key, value string }{{"lan_certificate", m.LANCertificate}, {"lan_key", m.LANKey}, {"lan_client_ca", m.LANClientCA}} {
			if k.value != "" {
				r.bad("mqtt."+k.key, k.value, "empty while mqtt.lan_listen is", "")
			}
		}
		return
	}
	if _, _, err := splitListen(m.LAN); err != nil {
		r.bad("mqtt.lan_listen", m.LAN, "empty, or address:port", "such as \"0.0.0.0:8883\" for every device on the network")
	}
	if m.LANCertificate == "" {
		r.missing("mqtt.lan_certificate", "the PEM file with the broker's certificate: over the network everything is encrypted")
	}
	if m.LANKey == "" {
		r.missing("mqtt.lan_key", "the PEM file with the certificate's key")
	}
	if len(m.Clients) == 0 {
		r.missing("mqtt.client", "a table for each device and kiosk that may come over the network")
	}
}

func (m MQTT) validateBroker(c *Config, r *report) {
	if m.Broker == "" {
		for _, k := range []struct{ key, value string }{{"broker_client_id", m.BrokerClientID}, {"broker_ca_file", m.BrokerCAFile},
			{"broker_certificate", m.BrokerCertificate}, {"broker_key", m.BrokerKey}, {"broker_credentials_file", m.BrokerCredentials}} {
			if k.value != "" {
				r.bad("mqtt."+k.key, k.value, "empty while mqtt.broker is", "")
			}
		}
		return
	}
	if _, _, _, err := mqtt.ParseBroker(m.Broker); err != nil {
		r.bad("mqtt.broker", m.Broker, "tls://host:port, or tcp://127.0.0.1:port on this machine", err.Error())
	}
	if m.BrokerClientID != "" && (!idForm.MatchString(m.BrokerClientID) || len(m.BrokerClientID) > 40) {
		r.bad("mqtt.broker_client_id", m.BrokerClientID, "1 to 40 letters, digits, _ and -", "")
	}
	if (m.BrokerCertificate == "") != (m.BrokerKey == "") {
		r.bad("mqtt.broker_key", m.BrokerKey, "a certificate and its key, or neither", "")
	}
}

func (m MQTT) validateClients(c *Config, r *report) {
	if n := len(m.Clients); n > maxMQTTClients {
		r.bad("mqtt.client", itoa(n)+" tables", "at most 256", "")
		return
	}
	seen := map[string]bool{c.Kiosk.ID: true}
	for i, p := range m.Clients {
		at := fmt.Sprintf("mqtt.client[%d]", i+1)
		r.uniqueID(at+".id", p.ID, seen)
		if len(p.ID) > 40 {
			r.bad(at+".id", p.ID, "at most 40 characters", "")
		}
		if p.Kind != MQTTDevice && p.Kind != MQTTKiosk {
			r.bad(at+".kind", string(p.Kind), oneOf(MQTTDevice, MQTTKiosk), "")
		}
		if p.Kind == MQTTKiosk && (p.Class != "" || len(p.Topics) > 0) {
			r.bad(at+".class", p.Class, "class and topics for devices only", "")
		}
		if p.Class != "" && !idForm.MatchString(p.Class) {
			r.bad(at+".class", p.Class, idAllowed, "")
		}
		if len(p.Topics) > maxMQTTTopics {
			r.bad(at+".topics", itoa(len(p.Topics))+" topics", "at most 16", "")
		}
		for _, t := range p.Topics {
			// Our own topics are given by id; a filter over them would let one client
			// speak for another.
			if !mqtt.ValidFilter(t) || strings.HasPrefix(t, "#") || strings.HasPrefix(t, "+") || strings.HasPrefix(t, "$") ||
				strings.HasPrefix(t, "clinic/") || strings.HasPrefix(t, "clinicgate/") {
				r.bad(at+".topics", t, "topic filters that begin with a name, and not with clinic/ or clinicgate/", "such as \"zigbee2mqtt/#\"")
			}
		}
	}
}

func (m MQTT) validateMaps(r *report) {
	if n := len(m.Maps); n > maxMQTTMaps {
		r.bad("mqtt.map", itoa(n)+" tables", "at most 32", "")
		return
	}
	for i, t := range m.Maps {
		at := fmt.Sprintf("mqtt.map[%d]", i+1)
		switch {
		case t.Use == "":
			if t.Base != "" {
				r.bad(at+".base", t.Base, "only beside use", "")
			}
			r.joined(at, t.rules()[0].Validate(), "`clinicgate devices watch --topic FILTER` shows how messages are read")
			m.validateSign(at, t, r)
		case !slices.Contains(mqtt.Tables(), t.Use):
			r.bad(at+".use", t.Use, oneOf(mqtt.Tables()...), "leave use out and write a rule: filter, device_level, path and kind")
		case t.Filter != "" || t.Path != "" || t.Kind != "" || t.DeviceLevel != 0 || t.DevicePath != "" || t.Unit != "" || len(t.Words) > 0 || t.RepeatPath != "" || t.TimePath != "" || t.SessionPath != "":
			r.bad(at+".use", t.Use, "use and base alone", "a rule of your own goes into a table of its own")
		case t.Base != "" && (!mqtt.ValidFilter(t.Base) || strings.ContainsAny(t.Base, "+#")):
			r.bad(at+".base", t.Base, "the topic's first levels, such as \"zigbee2mqtt\"", "")
		}
	}
}

// validateSign checks that what a rule reads can become a vital sign: otherwise every
// measurement would be put aside, and nobody would know until a patient stands there.
func (m MQTT) validateSign(at string, t MQTTMap, r *report) {
	kind := vitals.Kind(t.Kind)
	units := kind.Units()
	if len(units) == 0 {
		return
	}
	if t.Unit != "" && !slices.Contains(units, vitals.Unit(t.Unit)) {
		r.bad(at+".unit", t.Unit, oneOf(units...), "a UCUM code of a unit in which "+string(t.Kind)+" is measured")
	}
	other := map[vitals.Kind]vitals.Kind{vitals.Systolic: vitals.Diastolic, vitals.Diastolic: vitals.Systolic}[kind]
	if other != "" && !slices.ContainsFunc(m.Maps, func(o MQTTMap) bool { return o.Kind == mqtt.Kind(other) && o.Filter == t.Filter }) {
		r.bad(at+".kind", string(t.Kind), "with a table for "+string(other)+" of the same filter", "a blood pressure is both values of one message; one alone is refused")
	}
}

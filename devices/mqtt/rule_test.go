package mqtt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/devices/mqtt"
)

// shown is a fact as a test compares it; the value of a vital sign is revealed.
func shown(f mqtt.Fact) string {
	value := ""
	if !f.Value.IsZero() {
		value = f.Value.Reveal()
	}
	s := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s%s", f.Device, f.Kind, f.Word, value, f.Unit)), " ")
	if f.Kind == mqtt.Battery || f.Kind == mqtt.LinkQuality {
		s += fmt.Sprintf(" %d", f.Number)
	}
	if f.ID != "" {
		s += " id=" + f.ID
	}
	if !f.At.IsZero() {
		s += " at=" + f.At.UTC().Format(time.RFC3339)
	}
	return s
}

func TestReadyTables(t *testing.T) {
	for _, c := range []struct{ table, base, topic, payload, want string }{
		{"zigbee2mqtt", "", "zigbee2mqtt/lobby button", `{"action":"single","battery":87.5,"linkquality":120}`, "lobby button press press; lobby button battery 87; lobby button link-quality 120"},
		{"zigbee2mqtt", "", "zigbee2mqtt/lobby button", `{"action":"","battery":87}`, "lobby button battery 87"},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir", `{"occupancy":true}`, "pir presence present"},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir/availability", `{"state":"offline"}`, "pir availability offline"},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir/availability", `online`, "pir availability online"},
		{"zigbee2mqtt", "zb", "zb/pir", `{"occupancy":false}`, "pir presence absent"},
		{"zigbee2mqtt", "house/zb", "house/zb/pir/availability", `offline`, "pir availability offline"},
		{"zigbee2mqtt", "", "zigbee2mqtt/bridge/devices", `[]`, ""},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir/set", `{"state":"ON"}`, ""},
		{"tasmota", "", "tele/lamp-1/LWT", `Online`, "lamp-1 availability online"},
		{"tasmota", "", "tele/lamp-1/LWT", `Offline`, "lamp-1 availability offline"},
		{"tasmota", "", "stat/wc/RESULT", `{"Button1":{"Action":"SINGLE"}}`, "wc press press"},
		{"tasmota", "", "stat/wc/RESULT", `{"POWER":"ON"}`, ""},
		{"tasmota", "", "stat/door/RESULT", `{"Switch1":{"Action":"OFF"}}`, "door presence absent"},
		{"tasmota", "", "tele/lamp-1/STATE", `{"Wifi":{"RSSI":72}}`, "lamp-1 link-quality 72"},
		{"tasmota", "site", "site/tele/lamp-1/LWT", `Online`, "lamp-1 availability online"},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir", `{"update":{"installed_version":587757105,"state":"idle"}}`, "pir firmware 587757105"},
		{"zigbee2mqtt", "", "zigbee2mqtt/pir", `{"update":{"installed_version":-1}}`, ""},
		{"tasmota", "", "tele/lamp-1/INFO1", `{"Info1":{"Module":"Generic","Version":"14.2.0(tasmota)"}}`, "lamp-1 firmware 14.2.0"},
		{"homie", "", "homie/lamp-1/$fw/version", `1.4.0`, "lamp-1 firmware 1.4.0"},
		{"homie", "", "homie/lamp-1/$fw/version", `Ana Example`, ""},
		{"homie", "", "homie/5/lamp-1/$state", `ready`, "lamp-1 availability online"},
		{"homie", "", "homie/lamp-1/$state", `lost`, "lamp-1 availability offline"},
		{"homie", "", "homie/lamp-1/$state", `init`, ""},
		{"homie", "", "homie/5/wc/button/action", `press`, "wc press press"},
		{"homie", "", "homie/5/wc/battery/battery-level", `41`, "wc battery 41"},
	} {
		facts, err := mqtt.Read(mqtt.Ready(c.table, c.base), c.topic, []byte(c.payload))
		var got []string
		for _, f := range facts {
			got = append(got, shown(f))
		}
		if s := strings.Join(got, "; "); s != c.want || err != nil {
			t.Errorf("%s: %s %s gives %q, %v; want %q", c.table, c.topic, c.payload, s, err, c.want)
		}
	}
}

func TestReadyTablesAreValid(t *testing.T) {
	for _, name := range mqtt.Tables() {
		rules := mqtt.Ready(name, "")
		if len(rules) == 0 {
			t.Errorf("table %s is empty", name)
		}
		for i, r := range rules {
			if err := r.Validate(); err != nil {
				t.Errorf("%s, rule %d: %v", name, i+1, err)
			}
		}
	}
	if mqtt.Ready("nothing", "") != nil {
		t.Error("an unknown table has rules")
	}
}

// A number stays the text that came, and a repeat can be known.
func TestVitalSign(t *testing.T) {
	rule := mqtt.Rule{Filter: "scales/#", DevicePath: "dev.name", Path: "m.0.v", Kind: "weight", Unit: "kg", IDPath: "n", TimePath: "t"}
	if err := rule.Validate(); err != nil {
		t.Fatal(err)
	}
	facts, err := mqtt.Read([]mqtt.Rule{rule}, "scales/a/b", []byte(`{"dev":{"name":"scale-1"},"m":[{"v":81.40}],"n":17,"t":1700000000}`))
	if err != nil || len(facts) != 1 || shown(facts[0]) != "scale-1 weight 81.40kg id=17 at=2023-11-14T22:13:20Z" {
		t.Errorf("got %v, %v", facts, err)
	}
	if s := fmt.Sprintf("%v %+v", facts, facts); strings.Contains(s, "81") {
		t.Errorf("a vital sign is printed: %s", s)
	}
}

func TestWhatIsNotRead(t *testing.T) {
	weight := mqtt.Rule{Filter: "scales/+", DeviceLevel: 2, Path: "v", Kind: "weight", Unit: "kg"}
	for name, c := range map[string]struct {
		topic, payload string
		want           error
	}{
		"not a number":     {"scales/a", `{"v":"heavy"}`, mqtt.ErrNumber},
		"exponent":         {"scales/a", `{"v":1e9}`, mqtt.ErrNumber},
		"member missing":   {"scales/a", `{"w":1}`, nil},
		"object":           {"scales/a", `{"v":{}}`, nil},
		"other topic":      {"scale/a", `{"v":1}`, nil},
		"not JSON":         {"scales/a", `{"v":1`, mqtt.ErrNotJSON},
		"two values":       {"scales/a", `{"v":1}{"v":2}`, mqtt.ErrNotJSON},
		"deep":             {"scales/a", strings.Repeat("[", 17) + strings.Repeat("]", 17), mqtt.ErrNotJSON},
		"large":            {"scales/a", `{"v":1,"x":"` + strings.Repeat("x", mqtt.MaxPayload) + `"}`, mqtt.ErrTooLarge},
		"strange name":     {"scales/\x1b[2J", `{"v":1}`, mqtt.ErrName},
		"name is too long": {"scales/" + strings.Repeat("a", 65), `{"v":1}`, mqtt.ErrName},
	} {
		facts, err := mqtt.Read([]mqtt.Rule{weight}, c.topic, []byte(c.payload))
		if len(facts) != 0 || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, facts, err, c.want)
		}
	}
}

func TestRuleIsChecked(t *testing.T) {
	good := mqtt.Rule{Filter: "a/+/b", DeviceLevel: 2, Path: "x.y", Kind: mqtt.Press}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*mqtt.Rule){
		"filter":           func(r *mqtt.Rule) { r.Filter = "a/#/b" },
		"no device":        func(r *mqtt.Rule) { r.DeviceLevel = 0 },
		"two devices":      func(r *mqtt.Rule) { r.DevicePath = "d" },
		"level":            func(r *mqtt.Rule) { r.DeviceLevel = 4 },
		"path":             func(r *mqtt.Rule) { r.Path = "$..x" },
		"kind":             func(r *mqtt.Rule) { r.Kind = "mood" },
		"unit of a press":  func(r *mqtt.Rule) { r.Unit = "kg" },
		"no unit":          func(r *mqtt.Rule) { r.Kind = "weight" },
		"word":             func(r *mqtt.Rule) { r.Words = map[string]string{"single": "shout"} },
		"words of a count": func(r *mqtt.Rule) { r.Kind, r.Words = mqtt.Battery, map[string]string{"full": "press"} },
	} {
		r := good
		change(&r)
		if r.Validate() == nil {
			t.Errorf("%s: accepted %+v", name, r)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true}, {"a/b", "a/bc", false}, {"a/b", "a", false}, {"a", "a/b", false},
		{"a/+", "a/b", true}, {"a/+", "a", false}, {"a/+", "a/b/c", false}, {"+/b", "a/b", true}, {"a/+/c", "a//c", true},
		{"a/#", "a", true}, {"a/#", "a/b/c", true}, {"#", "a/b", true}, {"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true},
		// Narrower filters.
		{"a/#", "a/+/c", true}, {"a/+", "a/#", false}, {"a/b", "a/+", false}, {"a/#", "#", false}, {"a/#", "+/b", false}, {"a/+", "a/+", true},
	} {
		if got := mqtt.Covers(c.filter, c.topic); got != c.want {
			t.Errorf("Covers(%q, %q) = %v", c.filter, c.topic, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	var rules []mqtt.Rule
	for _, name := range mqtt.Tables() {
		rules = append(rules, mqtt.Ready(name, "")...)
	}
	rules = append(rules, mqtt.Rule{Filter: "#", DevicePath: "d.0", Path: "v.x", Kind: "weight", Unit: "kg", IDPath: "i", TimePath: "t", SessionPath: "s"})
	f.Add("zigbee2mqtt/a", []byte(`{"action":"single","battery":3}`))
	f.Add("stat/a/RESULT", []byte(`{"Button1":{"Action":"SINGLE"},"d":["x"],"v":{"x":1.50},"i":"1","t":"2026-11-22T10:00:00Z"}`))
	f.Add("homie/5/a/$state", []byte(`ready`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		facts, _ := mqtt.Read(rules, topic, payload)
		for _, fact := range facts {
			if fact.Device == "" || len(fact.Device) > 64 || fact.Kind.Vital() == fact.Value.IsZero() || strings.ContainsAny(fact.Device, "/+#\x00\x1b\n") {
				t.Errorf("%q %q gives %+v", topic, payload, fact)
			}
		}
	})
}

func TestShapeTellsNoValue(t *testing.T) {
	for payload, want := range map[string]string{
		`{"b":[{"kg":81.4},{"kg":80}],"a":"Ana Example","Ana Example":1,"c":true,"d":null}`: "{?: number, a: text, b: [{kg: number} x2], c: true or false, d: null}",
		`Ana Example`: "text of 11 bytes",
		`12`:          "number",
		`[]`:          "[]",
	} {
		if got := mqtt.Shape([]byte(payload)); got != want {
			t.Errorf("Shape(%s) = %q, want %q", payload, got, want)
		}
	}
	if long := mqtt.Shape([]byte("[" + strings.Repeat(`{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":{"bbbbbbbbbbbbbbbbbbb":`, 7) + "1" + strings.Repeat("}}", 7) + "]")); len(long) > 1000 {
		t.Errorf("a shape of %d bytes", len(long))
	}
}

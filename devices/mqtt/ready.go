package mqtt

import (
	"slices"
	"strings"
)

// Tables lists the names of the ready tables.
func Tables() []string { return []string{"zigbee2mqtt", "tasmota", "homie"} }

// Ready gives the rules of a known publisher. base replaces the first level of
// its topics; empty: the publisher's own default. It is nil for an unknown name.
func Ready(name, base string) []Rule {
	if base == "" && name != "tasmota" {
		base = name
	}
	at := func(topic string) string {
		if base == "" {
			return topic
		}
		return base + "/" + topic
	}
	level := 1 + strings.Count(base, "/")
	if base != "" {
		level++
	}
	switch name {
	case "zigbee2mqtt":
		state := Rule{Filter: at("+"), DeviceLevel: level}
		return []Rule{
			with(state, "action", Press, wordsFor(WordPress, "single", "double", "triple", "quadruple", "many", "hold", "long", "press", "pressed", "on", "off", "toggle", "emergency",
				"1_single", "1_double", "1_hold", "2_single", "2_double", "2_hold", "button_1_single", "button_1_double", "button_1_hold")),
			with(state, "occupancy", Presence, nil),
			with(state, "presence", Presence, nil),
			with(state, "battery", Battery, nil),
			with(state, "linkquality", LinkQuality, nil),
			with(state, "update.installed_version", Firmware, nil),
			with(Rule{Filter: at("+/availability"), DeviceLevel: level}, "", Availability, nil),
			with(Rule{Filter: at("+/availability"), DeviceLevel: level}, "state", Availability, nil),
		}
	case "tasmota":
		tele, stat := func(leaf string) Rule { return Rule{Filter: at("tele/+/" + leaf), DeviceLevel: level + 1} },
			func(leaf string) Rule { return Rule{Filter: at("stat/+/" + leaf), DeviceLevel: level + 1} }
		action := wordsFor(WordPress, "SINGLE", "DOUBLE", "TRIPLE", "QUAD", "PENTA", "HOLD", "TOGGLE", "ON")
		return []Rule{
			with(tele("LWT"), "", Availability, nil),
			with(stat("RESULT"), "Button1.Action", Press, action),
			with(stat("RESULT"), "Button2.Action", Press, action),
			with(stat("RESULT"), "Button3.Action", Press, action),
			with(stat("RESULT"), "Switch1.Action", Presence, nil),
			with(tele("STATE"), "Wifi.RSSI", LinkQuality, nil),
			with(tele("SENSOR"), "Battery.Percentage", Battery, nil),
			with(tele("INFO1"), "Info1.Version", Firmware, nil),
		}
	case "homie":
		state := map[string]string{"ready": WordOnline, "sleeping": WordOnline, "alert": WordOnline, "disconnected": WordOffline, "lost": WordOffline}
		var rules []Rule
		for _, version := range []string{"+/", "5/+/"} { // convention 4 and before, 5
			device := func(leaf string) Rule {
				return Rule{Filter: at(version + leaf), DeviceLevel: level + strings.Count(version, "/") - 1}
			}
			rules = append(rules,
				with(device("$state"), "", Availability, state),
				with(device("$fw/version"), "", Firmware, nil),
				with(device("button/action"), "", Press, nil),
				with(device("motion/motion"), "", Presence, nil),
				with(device("battery/battery-level"), "", Battery, nil))
		}
		return rules
	}
	return nil
}

// with completes a rule.
func with(r Rule, path string, kind Kind, words map[string]string) Rule {
	r.Path, r.Kind, r.Words = path, kind, words
	return r
}

func wordsFor(word string, texts ...string) map[string]string {
	m := map[string]string{}
	for _, t := range texts {
		m[t] = word
	}
	return m
}

// Filters lists the topic filters of rules, each once: what to subscribe to.
func Filters(rules []Rule) []string {
	var list []string
	for _, r := range rules {
		if !slices.Contains(list, r.Filter) {
			list = append(list, r.Filter)
		}
	}
	return list
}

package config

import (
	"reflect"
	"slices"
	"strconv"
)

// Shared is a setting as it may be shown to whoever helps from elsewhere.
type Shared struct {
	Key   string `json:"key"`
	State string `json:"state"`           // "default", "set", or of tables how many
	Value string `json:"value,omitempty"` // as TOML; only of keys that may be shown
}

// shareable lists the keys whose value may leave the clinic: numbers, switches and
// words out of a list that this program knows. What a person wrote freely (names,
// ids, folders, addresses) is not in it, and a key that is not in it is not shown.
var shareable = []string{
	"kiosk.zone", "kiosk.day_starts", "kiosk.languages",
	"storage.budget", "key_source.kind",
	"pubnub.secure", "sync.batch", "sync.compress", "sync.unsigned",
	"kiosk_session.compositor", "web.idle", "web.private_audio", "web.panel_width_mm", "web.distance_mm",
	"board.panel", "board.distance", "board.speak", "desk.idle",
	"mqtt.exchange", "mqtt.client.kind", "mqtt.client.class", "mqtt.map.use", "mqtt.map.kind", "mqtt.map.unit",
	"checkin.early", "checkin.late", "checkin.may_call", "checkin.hours", "checkin.devices", "checkin.attempts", "checkin.vitals",
	"queue.no_show_after", "queue.grace", "queue.visit",
	"roster.days_ahead", "roster.format", "roster.charset", "roster.delimiter", "roster.skip", "roster.header", "roster.dates", "roster.serial_dates",
	"roster.patient_digits", "roster.appointment_digits",
	"log.level", "log.size", "log.keep",
	"staff.roles",
	"device.class", "device.mode", "device.disabled", "device.baud", "device.data_bits", "device.parity", "device.stop_bits", "device.idle_gap",
	"device.max_length", "device.licences", "device.active", "device.pull", "device.debounce", "device.hold", "device.shows", "device.alarm_limit",
	"device.paper", "device.code_page", "device.cut", "device.speaks", "device.remote",
}

// Shared gives every key: the values of those that may be shown, of the others
// whether they are set.
func (c Config) Shared() []Shared {
	return sharedOf(reflect.ValueOf(c), reflect.ValueOf(Default()), "", "")
}

func sharedOf(v, usual reflect.Value, key, shown string) (list []Shared) {
	for i := range v.NumField() {
		f := v.Field(i)
		name := v.Type().Field(i).Tag.Get("toml")
		path, label := join(key, name), join(shown, name)
		was := reflect.Zero(f.Type())
		if usual.IsValid() {
			was = usual.Field(i)
		}
		switch {
		case isSection(f.Type()):
			list = append(list, sharedOf(f, was, path, label)...)
		case isTables(f.Type()):
			list = append(list, Shared{Key: label, State: strconv.Itoa(f.Len())})
			for j := range f.Len() {
				list = append(list, sharedOf(f.Index(j), reflect.Value{}, path, label+"["+strconv.Itoa(j+1)+"]")...)
			}
		default:
			s := Shared{Key: label, State: "set"}
			if value(f) == value(was) {
				s.State = "default"
			}
			if slices.Contains(shareable, path) {
				s.Value = value(f)
			}
			list = append(list, s)
		}
	}
	return list
}

// Shareable gives the keys whose value Shared shows.
func Shareable() []string { return slices.Clone(shareable) }

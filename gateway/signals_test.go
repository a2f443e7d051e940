package gateway

import (
	"testing"

	"clinicgate/devices"
	"clinicgate/gateway/config"
	"clinicgate/kiosk/queue"
)

func TestWhatLampsAndSoundersSay(t *testing.T) {
	const help, any, called, waiting = config.SignalHelp, config.SignalAnyHelp, config.SignalCalled, config.SignalWaiting
	first, second := call{queue.Ticket{Letter: 'A', Number: 1}, 1}, call{queue.Ticket{Letter: 'A', Number: 1}, 2}
	for _, c := range []struct {
		name          string
		shows         []config.Signal
		before, now   scene
		lamp, sounder string
		lampPulse     string
		sounderPulse  string
	}{
		{"nothing", []config.Signal{help, any, called, waiting}, scene{}, scene{}, "off", "off", "", ""},
		{"help here", []config.Signal{help}, scene{}, scene{help: true, anyHelp: true}, "fast-blink", "alarm", "", ""},
		{"help elsewhere, of no interest", []config.Signal{help}, scene{}, scene{anyHelp: true}, "off", "off", "", ""},
		{"help elsewhere", []config.Signal{any}, scene{}, scene{anyHelp: true}, "fast-blink", "alarm", "", ""},
		{"help of no interest", []config.Signal{called}, scene{}, scene{help: true, anyHelp: true}, "off", "off", "", ""},
		{"somebody waits", []config.Signal{waiting}, scene{}, scene{waiting: true}, "on", "off", "", ""},
		{"help before who waits", []config.Signal{waiting, help}, scene{}, scene{waiting: true, help: true}, "fast-blink", "alarm", "", ""},
		{"called", []config.Signal{called}, scene{}, scene{called: []call{first}}, "off", "off", "pulse-3", "pulse-2"},
		{"called again", []config.Signal{called}, scene{called: []call{first}}, scene{called: []call{second}}, "off", "off", "pulse-3", "pulse-2"},
		{"called before", []config.Signal{called}, scene{called: []call{second, first}}, scene{called: []call{second}}, "off", "off", "", ""},
		{"called during help", []config.Signal{called, help}, scene{}, scene{help: true, called: []call{first}}, "fast-blink", "alarm", "pulse-3", "pulse-2"},
		{"called, of no interest", []config.Signal{waiting}, scene{}, scene{waiting: true, called: []call{first}}, "on", "off", "", ""},
	} {
		for class, want := range map[devices.Class][2]string{devices.Lamp: {c.lamp, c.lampPulse}, devices.Sounder: {c.sounder, c.sounderPulse}} {
			if got := [2]string{steady(class, c.shows, c.now), pulse(class, c.shows, c.before, c.now)}; got != want {
				t.Errorf("%s: the %s says %q, want %q", c.name, class, got, want)
			}
		}
	}
}

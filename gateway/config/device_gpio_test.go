package config_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/config"
)

// clinicWith is a config that is right, with further text.
func clinicWith(t *testing.T, text string) (config.Config, error) {
	t.Helper()
	base, err := os.ReadFile("testdata/clinic.toml")
	if err != nil {
		t.Fatal(err)
	}
	return config.Parse(append(base, text...), t.TempDir())
}

func TestGPIODevices(t *testing.T) {
	c, err := clinicWith(t, `
[[device]]
id = "help-button"
class = "button"
port = "gpio:pinctrl-bcm2711/17"
active = "high"
pull = "none"
debounce = "40ms"

[[device]]
id = "front"
class = "presence"
port = "gpio:GPIO27"
hold = "30s"

[[device]]
id = "lamp"
class = "lamp"
port = "gpio:pinctrl-bcm2711/22"
shows = ["help-anywhere", "waiting"]

[[device]]
id = "bell"
class = "sounder"
port = "gpio:pinctrl-bcm2711/23"
alarm_limit = "5m"
`)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Devices[len(c.Devices)-4:]
	if g := d[0].GPIO(); g.ID != "help-button" || g.Line != "gpio:pinctrl-bcm2711/17" || g.Active != "high" || g.Pull != "none" || g.Debounce != 40*time.Millisecond {
		t.Errorf("button: %+v", g)
	}
	if g := d[1].GPIO(); g.Hold != 30*time.Second {
		t.Errorf("presence: %+v", g)
	}
	if got, want := d[2].Signals(), []config.Signal{config.SignalAnyHelp, config.SignalWaiting}; !slices.Equal(got, want) {
		t.Errorf("the lamp shows %v, want %v", got, want)
	}
	if got, want := d[3].Signals(), []config.Signal{config.SignalHelp}; !slices.Equal(got, want) || d[3].GPIO().Limit != 5*time.Minute {
		t.Errorf("the sounder: %v, %+v, want %v", got, d[3].GPIO(), want)
	}
}

func TestGPIODeviceFaults(t *testing.T) {
	for text, want := range map[string]string{
		`class = "button"` + "\n" + `port = "/dev/ttyS0"`:                               "gpio:CHIP/LINE",
		`class = "button"` + "\n" + `port = "gpio:17"`:                                  "a number needs its chip",
		`class = "button"` + "\n" + `port = "gpio:X"` + "\n" + `shows = ["help"]`:       "only lamps and sounders",
		`class = "lamp"` + "\n" + `port = "gpio:X"` + "\n" + `shows = ["weather"]`:      `"help", "help-anywhere", "called", "waiting"`,
		`class = "sounder"` + "\n" + `port = "gpio:X"` + "\n" + `shows = ["waiting"]`:   "a sounder shows",
		`class = "sounder"` + "\n" + `port = "gpio:X"` + "\n" + `alarm_limit = "2h"`:    "10s to 1h",
		`class = "presence"` + "\n" + `port = "gpio:X"` + "\n" + `active = "sometimes"`: "low or high",
		`class = "sounder"` + "\n" + `port = "gpio:X"` + "\n" + `remote = ["shout"]`:    `a sounder has no verb "shout"`,
		`class = "button"` + "\n" + `port = "gpio:X"` + "\n" + `remote = ["press"]`:     `a button has no verb "press"`,
	} {
		_, err := clinicWith(t, "\n[[device]]\nid = \"x\"\n"+text+"\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
	_, err := clinicWith(t, "\n[[device]]\nid = \"x\"\nclass = \"lamp\"\nport = \"gpio:X\"\nshows = [\"weather\"]\nalarm_limit = \"2h\"\nremote = [\"shout\"]\n")
	problems, _ := errors.AsType[config.Problems](err)
	if len(problems) != 3 || slices.ContainsFunc(problems, func(p config.Problem) bool { return strings.Contains(p.What, "\n") }) {
		t.Errorf("three faults of one device gave %q", problems)
	}
}

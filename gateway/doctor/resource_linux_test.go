package doctor_test

import (
	"os"
	"path/filepath"
	"testing"

	"clinicgate/gateway/doctor"
)

// Heat and a weak power supply, as the kernel tells of them.
func TestThrottle(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, "sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	look := func() doctor.Throttling { return doctor.ThrottlingOf(root) }
	state := func(c doctor.Check) doctor.State { return c.Run(t.Context()).State }
	if got := state(doctor.Throttle(look)); got != doctor.Skipped {
		t.Errorf("a machine that does not tell: %s", got)
	}
	const heat, alarm = "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "class/hwmon/hwmon3/in0_lcrit_alarm"
	put(heat, "7")
	put("class/hwmon/hwmon3/name", "rpi_volt")
	put(alarm, "0")
	check := doctor.Throttle(look)
	if got := state(check); got != doctor.OK {
		t.Errorf("hot before the service started: %s", got)
	}
	put(heat, "8")
	if got := state(check); got != doctor.Warn {
		t.Errorf("hot: %s", got)
	}
	put(heat, "7")
	put(alarm, "1")
	if got := state(check); got != doctor.Warn {
		t.Errorf("a weak power supply: %s", got)
	}
}

//go:build e2e && linux

package service_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"clinicgate/devices"
	"clinicgate/gateway/config"
	"clinicgate/gateway/service"
	"clinicgate/packaging/systemd"
)

// exposure is how open systemd takes the unit to be, from 0 to 10.
func exposure(t *testing.T, dropins ...service.Dropin) float64 {
	t.Helper()
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, "etc/systemd/system", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("clinicgate.service", systemd.Unit)
	write("../../../usr/bin/clinicgate", "")
	if err := os.Chmod(filepath.Join(root, "usr/bin/clinicgate"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range dropins {
		if d.Text != "" {
			write("clinicgate.service.d/"+d.Name, d.Text)
		}
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--root="+root, "clinicgate.service").CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze: %v: %s", err, out)
	}
	if strings.Contains(string(out), "Unknown") || strings.Contains(string(out), "Failed to parse") {
		t.Errorf("systemd does not understand all of it:\n%s", out)
	}
	m := regexp.MustCompile(`exposure level for clinicgate\.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no figure in:\n%s", out)
	}
	v, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestE2EUnitExposure(t *testing.T) {
	bare := exposure(t)
	if bare > 1.2 {
		t.Errorf("the unit's exposure is %.1f, more than 1.2", bare)
	}
	all := config.Config{Devices: []config.Device{
		{Class: devices.Scanner, Port: "usb:05e0:1701"},
		{Class: devices.Scanner, Mode: "keyboard", Port: "usb:05e0:1702"},
		{Class: devices.Scanner, Mode: "hid-pos", Port: "usb:05e0:1703"},
		{Class: devices.Printer, Port: "usb:04b8:0e15"},
		{Class: devices.NFC, Port: "spi:SPI0.0", Reset: "GPIO25"},
		{Class: devices.NFC, Port: "pcsc:"},
		{Class: devices.Button, Port: "gpio:GPIO27"},
	}}
	worst := exposure(t, service.Dropins(all)...)
	if worst > 1.7 {
		t.Errorf("with every device class the exposure is %.1f, more than 1.7", worst)
	}
	figures, err := json.Marshal(map[string]float64{"without devices": bare, "with every device class": worst})
	t.Logf("systemd-analyze security: %s (%v)", figures, err)
	// The test can fail: a unit that may do more has a higher figure.
	if open := exposure(t, service.Dropin{Name: "99-open.conf", Text: "[Service]\nNoNewPrivileges=no\nCapabilityBoundingSet=CAP_SYS_ADMIN\n"}); open <= bare {
		t.Errorf("an open unit has %.1f as well", open)
	}
}

package gpio

import (
	"strings"
	"testing"
	"time"

	"clinicgate/devices"
)

func TestParseLine(t *testing.T) {
	for s, want := range map[string]Line{
		"gpio:gpiochip0/17":          {Chip: "gpiochip0", Offset: 17},
		"gpio:pinctrl-bcm2711/GPIO4": {Chip: "pinctrl-bcm2711", Name: "GPIO4"},
		"gpio:GPIO17":                {Name: "GPIO17"},
		"gpio:1-0020/0":              {Chip: "1-0020"},
	} {
		got, err := ParseLine(s)
		if err != nil || got != want {
			t.Errorf("ParseLine(%q) = %+v, %v, want %+v", s, got, err, want)
		}
		if got.String() != s {
			t.Errorf("%+v.String() = %q, want %q", got, got.String(), s)
		}
	}
	for _, s := range []string{
		"", "gpio:", "gpio:/", "gpio:/17", "gpio:gpiochip0/", "gpio:17", "gpio:gpiochip0/-1", "gpio:gpiochip0/99999999999999999999",
		"gpio:gpiochip0/4096", "gpiochip0/17", "gpio:a b/1", "gpio:x\x00/1", "gpio:" + strings.Repeat("x", 97),
	} {
		if got, err := ParseLine(s); err == nil {
			t.Errorf("ParseLine(%q) = %+v, want an error", s, got)
		}
	}
}

// What is read is written the same.
func FuzzParseLine(f *testing.F) {
	for _, s := range []string{"gpio:gpiochip0/17", "gpio:GPIO17", "gpio:a/b/c", "gpio:0x1/010"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLine(s)
		if err != nil {
			return
		}
		again, err := ParseLine(l.String())
		if err != nil || again != l {
			t.Errorf("%q: %+v came back as %+v, %v", s, l, again, err)
		}
	})
}

func TestConfigNamesEveryFault(t *testing.T) {
	err := Config{ID: "Bad", Line: "x", Active: "on", Pull: "left", Debounce: time.Second, Hold: time.Hour, Limit: time.Second}.Validate(devices.Button)
	if err == nil {
		t.Fatal("Validate = nil, want an error")
	}
	for _, field := range []string{"id =", "port ", "active =", "pull =", "debounce =", "hold =", "limit ="} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("Validate = %q, want it to name %q", err, field)
		}
	}
	if err := (Config{ID: "help", Line: "gpio:GPIO17"}).Validate(devices.Button); err != nil {
		t.Errorf("Validate of the defaults = %v, want nil", err)
	}
}

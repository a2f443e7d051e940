package nfc_test

import (
	"log/slog"
	"testing"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"

	"clinicgate/devices"
	"clinicgate/devices/nfc"
	"clinicgate/devices/simulator"
)

// line is a GPIO line that is only an output.
type line struct {
	gpio.PinIO
	name string
}

func (l *line) Name() string         { return l.name }
func (l *line) Number() int          { return -1 }
func (l *line) Out(gpio.Level) error { return nil }

// wire puts a port where the system's are, with a reset line.
func wire(t *testing.T, open func() spi.PortCloser) nfc.Config {
	t.Helper()
	name := "SIM-" + t.Name()
	if err := spireg.Register(name, nil, -1, func() (spi.PortCloser, error) { return open(), nil }); err != nil {
		t.Fatal(err)
	}
	if err := gpioreg.Register(&line{gpio.INVALID, name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := spireg.Unregister(name); err != nil {
			t.Error(err)
		}
		if err := gpioreg.Unregister(name); err != nil {
			t.Error(err)
		}
	})
	return nfc.Config{ID: "card", Port: "spi:" + name, Reset: name}
}

func TestMFRC522(t *testing.T) {
	t.Parallel()
	chip := simulator.NewMFRC522()
	start(t, chip, wire(t, func() spi.PortCloser { return chip })).tapAround()
}

func TestSeveralCards(t *testing.T) {
	t.Parallel()
	chip := simulator.NewMFRC522()
	c := start(t, chip, wire(t, func() spi.PortCloser { return chip }))
	chip.Place(simulator.NewCard(four()))
	c.want(nfc.CardUID, devices.Good, "DEADBEEF")
	if v := c.nfc.Status().Firmware; v != "MFRC522 2.0" {
		t.Errorf("firmware %q", v)
	}
	chip.Place(simulator.NewCard(seven()))
	if r := c.want(nfc.CardUID, devices.Damaged, ""); r.Reason != nfc.ReasonSeveral {
		t.Errorf("reason %q", r.Reason)
	}
}

func TestMFRC522Probe(t *testing.T) {
	chip := simulator.NewMFRC522()
	cfg := wire(t, func() spi.PortCloser { return chip })
	probe := func(cfg nfc.Config, want devices.Outcome, reason string) {
		t.Helper()
		r, err := nfc.New(cfg, devices.Deps{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if p := r.Probe(t.Context()); p.Outcome != want || reason != "" && p.Reason != reason || want == devices.Failed && p.Hint == "" {
			t.Errorf("Probe = %+v, want %s, %s", p, want, reason)
		}
	}
	probe(cfg, devices.Ready, "")
	chip.Unplug()
	probe(cfg, devices.Failed, "reader chip does not answer")
	other := cfg
	other.Port = "spi:SPI99.9"
	probe(other, devices.Failed, "no such SPI port")
	other = cfg
	other.Reset = "GPIO-no-such"
	probe(other, devices.Failed, "no such GPIO line")
}

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"

	"clinicgate/devices"
	"clinicgate/devices/gpio"
	"clinicgate/devices/mqtt"
	"clinicgate/devices/nfc"
	"clinicgate/devices/scanner"
	"clinicgate/gateway/config"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

// openDevices makes the configured devices and the ways of MQTT to them.
func (g *Gateway) openDevices(ctx context.Context) (io.Closer, error) {
	hash, err := g.ring.Secret("device-readings")
	if err != nil {
		return nil, err
	}
	deps := devices.Deps{Log: g.log.With("component", "devices"), Health: g.deviceHealth, HashKey: hash}
	g.openStation()
	if g.units, err = g.openUnits(ctx, deps); err != nil {
		return nil, err
	}
	var list []devices.Device
	spoken := 0
	for _, d := range g.cfg.Devices {
		made, err := g.newDevice(g.units.inUse(d), deps)
		if err != nil {
			return nil, fmt.Errorf("cannot use device %s: %w", d.ID, err)
		}
		g.printOn(d)
		if d.OnMQTT() && !d.Disabled {
			spoken++
		}
		list = append(list, made)
		if p, ok := made.(*scanner.Page); ok {
			g.wedge = p
		}
	}
	g.station.Expect(spoken)
	if g.wedge == nil {
		c, _ := g.cfg.PageScanner()
		if g.wedge, err = scanner.NewPage(c, devices.Deps{Log: deps.Log, HashKey: hash}); err != nil {
			return nil, err
		}
	}
	if g.devices, err = devices.NewSet(g.log.With("component", "devices"), list...); err != nil {
		return nil, err
	}
	return nil, g.openMQTT()
}

func (g *Gateway) newDevice(d config.Device, deps devices.Deps) (devices.Device, error) {
	if d.OnMQTT() {
		return mqtt.New(d.MQTT(), g.station, deps)
	}
	switch d.Class {
	case devices.Scanner:
		c := d.Scanner()
		if c.Mode == scanner.ByPage {
			return scanner.NewPage(c, deps)
		}
		return scanner.New(c, deps)
	case devices.NFC:
		return nfc.New(d.NFC(), deps)
	case devices.Button:
		return gpio.NewButton(d.GPIO(), deps)
	case devices.Presence:
		return gpio.NewPresence(d.GPIO(), deps)
	case devices.Lamp:
		return gpio.NewLamp(d.GPIO(), deps)
	case devices.Sounder:
		return gpio.NewSounder(d.GPIO(), deps)
	case devices.Printer:
		return g.newPrinter(d, deps)
	}
	return nil, fmt.Errorf("class %q is not known", d.Class)
}

// reading takes what a device read, to whom it is for.
func (g *Gateway) reading(ctx context.Context, r devices.Reading) error {
	switch r.Class {
	case devices.Scanner:
		return g.scanned(ctx, r)
	case devices.NFC:
		return g.tapped(ctx, r)
	case devices.Button:
		return g.pressed(ctx, r)
	case devices.Presence:
		g.web.Present(r.Kind == gpio.Present)
		return nil
	}
	return fmt.Errorf("class %q has no reader", r.Class)
}

// readPage runs the scanner that the check-in page reads, where the
// configuration has none: its device set runs one that is configured.
func (g *Gateway) readPage(ctx context.Context) error {
	if _, configured := g.cfg.PageScanner(); configured {
		<-ctx.Done()
		return nil
	}
	return g.wedge.Run(ctx, g.observed)
}

// scanned takes what a scanner read. It is accepted when the page has it; of what
// cannot be used the page has the kind alone, and tells whoever it asks for a
// code. Without a page nobody is there to be told.
func (g *Gateway) scanned(ctx context.Context, r devices.Reading) error {
	switch r.Verdict {
	case devices.Good:
		return g.web.Scan(ctx, r.Value, r.Kind)
	case devices.Damaged:
		r.Kind = "" // of something that was not read whole it is not known
	}
	g.log.Info("scan was not usable", "device", string(r.Device), "kind", r.Kind, "verdict", string(r.Verdict), "length", r.Length)
	if err := g.web.Scan(ctx, phi.Text{}, r.Kind); err != nil && !errors.Is(err, web.ErrNoPage) {
		return err
	}
	return nil
}

// tapped takes what a card reader read. It is accepted when the page has it. A card
// that cannot be used is one without a number to the page, which says what to do.
func (g *Gateway) tapped(ctx context.Context, r devices.Reading) error {
	if r.Verdict != devices.Good {
		g.log.Info("card was not usable", "device", string(r.Device), "kind", r.Kind, "verdict", string(r.Verdict), "reason", r.Reason)
	}
	if r.Kind == nfc.NDEFText {
		return g.web.Scan(ctx, r.Value, r.Kind)
	}
	return g.web.Tap(ctx, r.Value)
}

// pressed calls for help as the page does. It is accepted when the alarm is on;
// the disk may follow. A button on MQTT sends again what it has no acknowledgement
// of, so that it waits for the disk.
func (g *Gateway) pressed(ctx context.Context, r devices.Reading) error {
	h, err := g.checkin.Press(ctx, string(r.Device), r.ID)
	if d, _ := g.units.named(string(r.Device)); err == nil && !h.Durable && d.OnMQTT() {
		return errNotDurable
	}
	return err
}

// errNotDurable: what was said is not on disk yet. Who said it says it again.
var errNotDurable = errors.New("not durable yet")

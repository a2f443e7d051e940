package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"clinicgate/devices/aamva/aamvatest"
	"clinicgate/devices/simulator"
	"clinicgate/gateway/bridge"
)

// hardware is what is attached to the demo's kiosk. Each device is simulated at the
// other end of the transport that the real one has, so that the gateway does with it
// what it does in a clinic. Devices that need a kernel of their own (GPIO, grabbed
// keyboards) are in make e2e-vm; help button, lamp and sounder are on MQTT here.
type hardware struct {
	scanner *simulator.SerialPort // nil where there are no pseudo-terminals
	cards   *simulator.PCSCD      // nil where there are no unix sockets
	printer *simulator.ReceiptPrinter
	room    []*roomDevice
	vitals  *vitalsStation

	tapping sync.Mutex // held while a card is on the reader
	socket  string
}

// roomDevice is a device on MQTT in the gateway's own scheme.
type roomDevice struct {
	class, name string
	client      *bridge.Client

	mu      sync.Mutex
	pattern string // what a lamp or a sounder was told last
}

func (d *roomDevice) topic(leaf string) string {
	return strings.Join([]string{"clinic", site, kioskID, d.class, d.name, leaf}, "/")
}

// newHardware plugs everything in. What this system cannot simulate is nil, and the
// reader of out is told.
func newHardware(dir, mqtt string, out func(format string, args ...any)) (h *hardware, err error) {
	h = &hardware{socket: filepath.Join(dir, "pcscd.comm")}
	if h.scanner, err = simulator.NewSerialPort(dir, "scanner"); err != nil {
		out("no simulated scanner on this system (%v); type the codes instead\n", err)
		h.scanner = nil
	}
	if h.cards, err = simulator.NewPCSCD(h.socket, "Simulated Reader"); err != nil {
		out("no simulated card reader on this system (%v)\n", err)
		h.cards = nil
	}
	if h.printer, err = simulator.NewReceiptPrinter("127.0.0.1:0"); err != nil {
		return nil, err
	}
	for _, d := range []*roomDevice{{class: "button", name: "door-button"}, {class: "lamp", name: "desk-lamp"}, {class: "sounder", name: "desk-sounder"}, {class: "presence", name: "front-sensor"}} {
		d.client, err = bridge.NewClient(bridge.ClientConfig{Broker: "tcp://" + mqtt, ID: d.name, Clean: true}, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		if d.class == "lamp" || d.class == "sounder" {
			d.client.Subscribe(d.topic("command"), d.told)
		}
		d.client.Connected(func() { go d.say("state", `{"v":1,"state":"ready","battery":87,"firmware":"1.4.0"}`) })
		h.room = append(h.room, d)
	}
	h.vitals, err = newVitalsStation(mqtt)
	return h, err
}

// config is the devices' part of the gateway's config.
func (h *hardware) config(line func(format string, args ...any)) {
	if h.scanner != nil {
		line("[[device]]\nid = \"front-scanner\"\nclass = \"scanner\"\nport = %q\nbaud = 9600\nlicences = true\n", h.scanner.Path())
	}
	if h.cards != nil {
		line("[[device]]\nid = \"card-reader\"\nclass = \"nfc\"\nport = \"pcsc:\"\nsocket = %q\n", h.socket)
	}
	line("[[device]]\nid = \"ticket-printer\"\nclass = \"printer\"\nport = %q\n", h.printer.Address())
	for _, d := range h.room {
		line("[[device]]\nid = %q\nclass = %q\nport = \"mqtt:%s\"", d.name, d.class, d.name)
		switch d.class {
		case "lamp":
			line("shows = [\"help\", \"called\", \"waiting\"]")
		case "sounder":
			line("shows = [\"help\", \"called\"]")
		}
		line("")
	}
}

// parts are what runs.
func (h *hardware) parts() map[string]func(context.Context) error {
	parts := map[string]func(context.Context) error{"printer": h.printer.Run}
	if h.scanner != nil {
		parts["scanner"] = h.scanner.Run
	}
	if h.cards != nil {
		parts["card reader"] = h.cards.Run
	}
	for _, d := range h.room {
		parts[d.name] = d.client.Run
	}
	parts[h.vitals.name] = h.vitals.client.Run
	return parts
}

func (d *roomDevice) say(leaf, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = d.client.Publish(ctx, d.topic(leaf), []byte(text)) // said again when the gateway is back
}

// told does what the gateway asks for, and answers.
func (d *roomDevice) told(_ context.Context, _ string, payload []byte) error {
	var c struct {
		ID   string            `json:"id"`
		Args map[string]string `json:"args"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	d.mu.Lock()
	if p := c.Args["pattern"]; !strings.HasPrefix(p, "pulse-") { // after pulses what was there before goes on
		d.pattern = p
	}
	d.mu.Unlock()
	go d.say("ack", fmt.Sprintf(`{"v":1,"id":%q,"ok":true}`, c.ID)) // not within the delivery that it answers
	return nil
}

// of finds the device of a class in the room.
func (h *hardware) of(class string) *roomDevice {
	for _, d := range h.room {
		if d.class == class {
			return d
		}
	}
	return nil
}

// shown is what a person in the room would see and hear.
type shown struct {
	Lamp    string `json:"lamp"`
	Sounder string `json:"sounder"`
	Tickets int    `json:"tickets"` // that came out of the printer
	Ticket  string `json:"ticket"`  // the newest one's words
}

func (h *hardware) shown() (s shown) {
	for _, d := range h.room {
		d.mu.Lock()
		switch d.class {
		case "lamp":
			s.Lamp = d.pattern
		case "sounder":
			s.Sounder = d.pattern
		}
		d.mu.Unlock()
	}
	for _, p := range h.printer.Papers() {
		if !p.Empty() {
			s.Tickets++
			s.Ticket = strings.TrimSpace(p.Text)
		}
	}
	return s
}

// holds waits as a person does who holds a card there: until the reader has had what it
// asks for, or for 20 seconds.
func (h *hardware) holds(ctx context.Context) {
	asked, since := 0, time.Now()
	for end := since.Add(20 * time.Second); ctx.Err() == nil && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if n := h.cards.Asked(); n != asked {
			asked, since = n, time.Now()
		} else if asked > 0 && time.Since(since) > time.Second {
			return
		}
	}
}

// ticket serves the newest ticket that was printed as dots.
func (h *hardware) ticket(w http.ResponseWriter, _ *http.Request) {
	papers := h.printer.Papers()
	for i := len(papers) - 1; i >= 0; i-- {
		if papers[i].Picture == nil {
			continue
		}
		var b bytes.Buffer
		if err := png.Encode(&b, papers[i].Picture); err != nil {
			break
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(b.Bytes())
		return
	}
	http.Error(w, "no ticket was printed as a picture", http.StatusNotFound)
}

// troubles are what can be wrong with the printer.
func troubles() map[string]simulator.Trouble {
	return map[string]simulator.Trouble{"well": {}, "paper-out": {PaperOut: true}, "cover-open": {CoverOpen: true}, "jam": {Jam: true}, "silent": {Mute: true}}
}

// use does with a device what a person would.
func (d *demo) use(ctx context.Context, device, state string) (string, error) {
	h := d.hardware
	switch device {
	case "scanner":
		if h.scanner == nil {
			return "", errors.New("there is no simulated scanner on this system")
		}
		if state == "unplugged" {
			h.scanner.Unplug()
			return "the scanner is unplugged", nil
		}
		return "the scanner is plugged in", h.scanner.Plug()
	case "printer":
		t, known := troubles()[state]
		if !known {
			return "", errors.New("state of the printer is well, paper-out, cover-open, jam or silent")
		}
		h.printer.Set(t)
		return "the printer: " + state, nil
	case "vitals":
		return h.vitals.do(state)
	case "button":
		h.of("button").say("event", fmt.Sprintf(`{"v":1,"seq":%d,"event":"press"}`, time.Now().UnixMilli()))
		return "the help button was pressed", nil
	case "presence":
		event, known := map[string]string{"comes": "present", "leaves": "absent"}[state]
		if !known {
			return "", errors.New("somebody comes or leaves")
		}
		h.of("presence").say("event", fmt.Sprintf(`{"v":1,"seq":%d,"event":%q}`, time.Now().UnixMilli(), event))
		return "somebody " + state, nil
	case "card":
		if h.cards == nil {
			return "", errors.New("there is no simulated card reader on this system")
		}
		c, err := d.next(ctx)
		if err != nil {
			return "", err
		}
		d.announce()
		h.tapping.Lock() // the card before is taken away first
		h.cards.Place(simulator.NewCard(c.who.card()))
		go func() {
			defer h.tapping.Unlock()
			defer h.cards.Lift()
			h.holds(d.running)
		}()
		return fmt.Sprintf("%s %s tapped a card; the page asks for the birth date, %s", c.who.given, c.who.family, c.who.born), nil
	case "licence":
		c, err := d.next(ctx)
		if err != nil {
			return "", err
		}
		l := aamvatest.Marlow(10)
		l.Family, l.First, l.Middle, l.Suffix, l.Birth = strings.ToUpper(c.who.family), strings.ToUpper(c.who.given), "", "", c.who.born
		said, err := d.scanOne(ctx, string(l.Bytes())+"\r")
		if err != nil {
			d.giveBack(c)
			return "", err
		}
		d.announce()
		return fmt.Sprintf("%s: the licence of %s %s", said, c.who.given, c.who.family), nil
	}
	return "", errors.New("device is scanner, printer, button, presence, vitals, card or licence")
}

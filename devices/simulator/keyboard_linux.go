package simulator

import (
	"fmt"
	"sync"
	"time"

	evdev "github.com/holoplot/go-evdev"
)

// Keyboard is a pretended scanner in keyboard mode: the kernel's uinput makes
// an event node for it, which the browser and the gateway see as they see a USB
// keyboard's. It needs the module uinput and the right to /dev/uinput. Its
// methods may be called from several goroutines.
type Keyboard struct {
	name            string
	vendor, product uint16

	mu     sync.Mutex // guards device
	device *evdev.InputDevice
}

// NewKeyboard makes it, plugged in.
func NewKeyboard(name string, vendor, product uint16) (*Keyboard, error) {
	k := &Keyboard{name: name, vendor: vendor, product: product}
	return k, k.Plug()
}

// Plug brings it back, as a new node.
func (k *Keyboard) Plug() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.device != nil {
		return nil
	}
	var keys []evdev.EvCode
	for code := range evdev.EvCode(128) {
		if code > 0 {
			keys = append(keys, code)
		}
	}
	d, err := evdev.CreateDevice(k.name, evdev.InputID{BusType: evdev.BUS_USB, Vendor: k.vendor, Product: k.product, Version: 1},
		map[evdev.EvType][]evdev.EvCode{evdev.EV_KEY: keys})
	if err != nil {
		return fmt.Errorf("cannot plug in the simulated keyboard: %w", err)
	}
	k.device = d
	return nil
}

// Unplug takes it away, under a blocked read and in the middle of a scan too.
func (k *Keyboard) Unplug() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.device != nil {
		_ = k.device.Close() // the kernel removes the node
		k.device = nil
	}
}

// Type presses the keys of a text with a pause between them, as a scanner does.
func (k *Keyboard) Type(text []byte, pause time.Duration) error {
	strokes, err := Strokes(text)
	for _, s := range strokes {
		if err := k.Press(s); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// Press presses one key and lets it go.
func (k *Keyboard) Press(s Stroke) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.device == nil {
		return ErrUnplugged
	}
	for _, e := range s.events() {
		key := evdev.InputEvent{Type: evdev.EV_KEY, Code: evdev.EvCode(e.code)}
		if e.down {
			key.Value = 1
		}
		for _, event := range []evdev.InputEvent{key, {Type: evdev.EV_SYN, Code: evdev.SYN_REPORT}} {
			if err := k.device.WriteOne(&event); err != nil {
				return fmt.Errorf("cannot type: %w", err)
			}
		}
	}
	return nil
}

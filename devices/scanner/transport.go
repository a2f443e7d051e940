package scanner

import "clinicgate/devices"

// Mode is how the scanner sends what it reads.
type Mode string

// The modes. A scanner has one of them at a time; its manual has a code to scan
// for each.
const (
	Serial   Mode = "serial"   // on a serial port, USB-CDC included
	Keyboard Mode = "keyboard" // types like a keyboard that only the kiosk's service hears; Linux
	HIDPOS   Mode = "hid-pos"  // the USB class for scanners; Linux
	ByPage   Mode = "page"     // types like a keyboard, and the check-in page reads it, see Page
)

// transport reaches a scanner of one mode.
type transport interface {
	// find says where the unit is now. Two places are equal when they are the
	// same plugging. The error is a *devices.Fault.
	find() (place, error)
	// open takes what find gave into use. The error is a *devices.Fault.
	open(name string) (port, error)
}

// place is where a unit is.
type place struct {
	name string
	node interface{ Release() string } // a devices.SerialPort or devices.Node
}

// serialLine is the transport of Serial.
type serialLine struct {
	cfg      Config
	identity devices.Identity
}

func (l serialLine) find() (place, error) {
	p, err := devices.FindSerialPort(l.identity)
	return place{p.Name, p}, err
}

func (l serialLine) open(name string) (port, error) { return openPort(name, l.cfg.mode()) }

// nodes is the transport of the modes that have a device node.
type nodes struct {
	identity devices.Identity
	list     func() ([]devices.Node, error)
	use      func(name string) (port, error)
}

func (n nodes) find() (place, error) {
	at, err := devices.FindNode(n.identity, n.list)
	return place{at.Name, at}, err
}

func (n nodes) open(name string) (port, error) { return n.use(name) }

// reach gives the transport of a valid, defaulted config.
func (c Config) reach(identity devices.Identity) transport {
	switch c.Mode {
	case Keyboard:
		return nodes{identity, devices.Keyboards, openKeyboard}
	case HIDPOS:
		return nodes{identity, posNodes, openPOS}
	}
	return serialLine{c, identity}
}

// posNodes lists the raw HID nodes that scan.
func posNodes() ([]devices.Node, error) {
	all, err := devices.RawHIDs()
	var scan []devices.Node
	for _, n := range all {
		d, err := n.ReportDescriptor()
		if err != nil {
			continue // unplugged between the two looks
		}
		if _, ok := parseDescriptor(d); ok {
			scan = append(scan, n)
		}
	}
	return scan, err
}

// Plugged is a scanner, or what may be one, that is plugged in and has no
// serial port.
type Plugged struct {
	Mode Mode
	devices.Node
}

// List lists them: what scans by its own word, and every keyboard, because a
// scanner in keyboard mode cannot be told from one.
func List() ([]Plugged, error) {
	var all []Plugged
	scan, err := posNodes()
	if err != nil {
		return nil, err
	}
	for _, n := range scan {
		all = append(all, Plugged{HIDPOS, n})
	}
	keys, err := devices.Keyboards()
	if err != nil {
		return nil, err
	}
	for _, n := range keys {
		all = append(all, Plugged{Keyboard, n})
	}
	return all, nil
}

package scanner

import "clinicgate/devices"

// Port is what a transport opens.
type Port = port

// Over makes a scanner that finds and opens its node in another way: the
// kernel's uinput and uhid are not on every machine that runs tests.
func Over(cfg Config, deps devices.Deps, find func() (string, int, error), open func(string) (Port, error)) (*Scanner, error) {
	s, err := New(cfg, deps)
	if err == nil {
		s.at = reached{find, open}
	}
	return s, err
}

type reached struct {
	look func() (string, int, error)
	use  func(string) (Port, error)
}

func (r reached) find() (place, error) {
	name, number, err := r.look()
	return place{name, plugging(number)}, err
}

// plugging numbers the times that a unit was plugged in.
type plugging int

func (plugging) Release() string { return "1.02" }

func (r reached) open(name string) (port, error) { return r.use(name) }

// POSLine gives the line that reports make, or false when the descriptor has no
// scanned data.
func POSLine(descriptor []byte, reports ...[]byte) (line []byte, ok bool) {
	layout, ok := parseDescriptor(descriptor)
	if !ok {
		return nil, false
	}
	r := posReports{layout: layout}
	for _, report := range reports {
		line = r.feed(line, report)
	}
	return line, true
}

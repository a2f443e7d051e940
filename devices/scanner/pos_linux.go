package scanner

import (
	"time"

	"golang.org/x/sys/unix"

	"clinicgate/devices"
)

// openPOS opens the raw node of a scanner in HID-POS mode. No driver of the
// kernel makes keys of its reports, so nothing has to be kept from the browser.
func openPOS(name string) (port, error) {
	f, err := openNode(name)
	if err != nil {
		return nil, err
	}
	var d unix.HIDRawReportDescriptor
	err = ioctl(f, func(fd int) error {
		size, err := unix.IoctlGetInt(fd, unix.HIDIOCGRDESCSIZE)
		if err != nil {
			return err
		}
		d.Size = uint32(min(max(size, 0), maxDescriptor))
		return unix.IoctlHIDGetDesc(fd, &d)
	})
	if err == nil {
		if layout, ok := parseDescriptor(d.Value[:min(d.Size, maxDescriptor)]); ok {
			return newPOS(&node{File: f}, layout), nil
		}
	}
	_ = f.Close()
	return nil, &devices.Fault{Reason: "not a scanner in HID-POS mode", Err: err,
		Hint: "scan the code in the scanner's manual that sets HID-POS (also: USB HID bar code scanner, IBM OPOS is another), or use another mode"}
}

// posPort is the port of a scanner in HID-POS mode.
type posPort struct {
	*node
	reports posReports
	raw     []byte
	line    []byte // what Read has not given yet
	last    time.Time
}

func newPOS(n *node, layout reportLayout) *posPort {
	return &posPort{node: n, reports: posReports{layout: layout}, raw: make([]byte, maxReport+1)}
}

// Read gives the bytes of the reports as posReports makes them; one call of the
// system gives one report.
func (p *posPort) Read(b []byte) (int, error) {
	var err error
	if len(p.line) == 0 {
		var n int
		n, err = p.read(p.raw)
		if n > 0 {
			if time.Since(p.last) >= endless {
				p.reports.open = false // the Framer has given the rest of that scan up
			}
			p.last = time.Now()
			p.line = p.reports.feed(p.line[:0], p.raw[:n])
			clear(p.raw[:n])
		}
	}
	n := copy(b, p.line)
	clear(p.line[:n])
	p.line = p.line[n:]
	return n, err
}

package simulator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync"
)

// Types of uhid events (uhid.h of the kernel).
const (
	uhidCreate = 11 // UHID_CREATE2
	uhidInput  = 12 // UHID_INPUT2
	busUSB     = 3
)

// POS is a pretended scanner in HID-POS mode: the kernel's uhid makes a raw
// node for it. It needs the modules uhid and hidraw and the right to /dev/uhid.
// Its methods may be called from several goroutines.
type POS struct {
	name, serial    string
	vendor, product uint16

	mu   sync.Mutex // guards node
	node *os.File
}

// NewPOS makes it, plugged in.
func NewPOS(name, serial string, vendor, product uint16) (*POS, error) {
	p := &POS{name: name, serial: serial, vendor: vendor, product: product}
	return p, p.Plug()
}

// Plug brings it back, as a new node.
func (p *POS) Plug() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node != nil {
		return nil
	}
	f, err := os.OpenFile("/dev/uhid", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot plug in the simulated scanner: %w", err)
	}
	create := struct {
		Type                              uint32
		Name                              [128]byte
		Phys, Uniq                        [64]byte
		Size, Bus                         uint16
		Vendor, Product, Version, Country uint32
		Descriptor                        [4096]byte
	}{Type: uhidCreate, Bus: busUSB, Vendor: uint32(p.vendor), Product: uint32(p.product)}
	copy(create.Name[:127], p.name)
	copy(create.Uniq[:63], p.serial)
	create.Size = uint16(copy(create.Descriptor[:], POSDescriptor()))
	if err := send(f, create); err != nil {
		_ = f.Close()
		return fmt.Errorf("cannot plug in the simulated scanner: %w", err)
	}
	p.node = f
	return nil
}

// Unplug takes it away.
func (p *POS) Unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node != nil {
		_ = p.node.Close() // the kernel removes the node
		p.node = nil
	}
}

// Scan sends the reports of one scan. symbology is the identifier without its
// "]", or empty.
func (p *POS) Scan(symbology string, data []byte) error {
	reports, err := POSReports(symbology, data)
	if err != nil {
		return err
	}
	return p.Send(reports...)
}

// Send sends reports as they are.
func (p *POS) Send(reports ...[]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.node == nil {
		return ErrUnplugged
	}
	for _, r := range reports {
		input := struct {
			Type uint32
			Size uint16
			Data [4096]byte
		}{Type: uhidInput}
		input.Size = uint16(copy(input.Data[:], r))
		if err := send(p.node, input); err != nil {
			return fmt.Errorf("cannot scan: %w", err)
		}
	}
	return nil
}

// send writes one event, which the kernel lays out without gaps.
func send(f *os.File, event any) error {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, event); err != nil {
		return err
	}
	_, err := f.Write(b.Bytes())
	return err
}

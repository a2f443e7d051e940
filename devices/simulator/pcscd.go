package simulator

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// PCSCD is a pretended smart card service with one reader: it speaks pcscd's
// protocol, version 4.4, on a socket of its own, as far as a client needs it that
// lists readers and talks to a card. Its methods may be called from several
// goroutines.
type PCSCD struct {
	reader   string
	listener net.Listener

	mu      sync.Mutex // guards what follows
	plugged bool
	card    *Card
	asked   int // how often this card was asked something
	changes uint32
	clients map[net.Conn]bool
}

// pcscd's statuses that the simulator gives.
const (
	pcscNoVersion  = 0x8010001D
	pcscNoReader   = 0x80100009
	pcscNoCard     = 0x8010000C
	pcscRemoved    = 0x80100069
	pcscBadRequest = 0x80100004

	pcscUnsupported = 0x8010001F
)

// pcscVersion is the reader's version as its driver tells it: 2.14.
const pcscVersion = 0x02140000

const (
	pcscNameBytes  = 128
	pcscStateBytes = 184
	pcscSlots      = 16
	pcscMinor      = 4
)

// NewPCSCD listens at a path. The reader, such as "Simulated Reader", is plugged
// in. Call Run.
func NewPCSCD(path, reader string) (*PCSCD, error) {
	_ = os.Remove(path) // left by one that was killed
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("cannot simulate a smart card service: %w", err)
	}
	return &PCSCD{reader: reader + " 00 00", listener: l, plugged: true, clients: map[net.Conn]bool{}}, nil
}

// Run serves clients until ctx ends, then removes the socket.
func (p *PCSCD) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = p.listener.Close(); p.drop() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := p.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.clients[conn] = true
		p.mu.Unlock()
		wg.Go(func() { p.serve(conn) })
	}
}

// Place holds a card to the reader, in place of what was there.
func (p *PCSCD) Place(card *Card) { p.set(func() { p.card, p.asked = card, 0; p.changes++ }) }

// Asked gives how often clients have asked something of the card that was placed last.
func (p *PCSCD) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Lift takes the card away.
func (p *PCSCD) Lift() { p.set(func() { p.card = nil; p.changes++ }) }

// Unplug takes the reader away; the service goes on.
func (p *PCSCD) Unplug() { p.set(func() { p.plugged, p.card = false, nil }) }

// Plug brings the reader back, under another number.
func (p *PCSCD) Plug() {
	p.set(func() {
		p.plugged, p.changes = true, 0
		number := byte('1')
		if p.reader[len(p.reader)-4] == '1' {
			number = '0'
		}
		name := []byte(p.reader)
		name[len(name)-4] = number
		p.reader = string(name)
	})
}

// Drop ends every client's connection, as a service does that is restarted.
func (p *PCSCD) Drop() { p.drop() }

func (p *PCSCD) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *PCSCD) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.clients {
		_ = conn.Close()
	}
}

// serve answers one client until it goes.
func (p *PCSCD) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		p.mu.Lock()
		delete(p.clients, conn)
		p.mu.Unlock()
	}()
	var connected *Card
	for {
		var head struct{ Size, Command uint32 }
		if binary.Read(conn, binary.NativeEndian, &head) != nil || head.Size > 512 {
			return
		}
		body := make([]byte, head.Size)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		answer, ok := p.answer(conn, head.Command, body, &connected)
		if !ok {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// answer carries out one command; what is no command ends the client.
func (p *PCSCD) answer(conn io.Reader, command uint32, body []byte, connected **Card) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u32 := binary.NativeEndian
	put := func(at int, v uint32) { u32.PutUint32(body[at:], v) }
	lengths := map[uint32]int{0x11: 12, 0x12: 0, 0x01: 12, 0x02: 8, 0x04: 152, 0x06: 12, 0x09: 32, 0x0F: 280}
	if n, known := lengths[command]; !known || n != len(body) {
		return nil, false
	}
	switch command {
	case 0x11: // version
		if u32.Uint32(body) != 4 || u32.Uint32(body[4:]) != pcscMinor {
			put(8, pcscNoVersion)
		}
		put(0, 4)
		put(4, pcscMinor)
	case 0x12: // the table of readers
		return p.table(), true
	case 0x01: // establish a context
		put(4, 1)
	case 0x04: // connect
		name, _, _ := bytes.Cut(body[4:4+pcscNameBytes], []byte{0})
		switch *connected = p.card; {
		case !p.plugged || string(name) != p.reader:
			put(148, pcscNoReader)
		case u32.Uint32(body[132:]) == 3: // the reader, card or none
			put(140, 1)
			*connected = nil
		case p.card == nil:
			put(148, pcscNoCard)
		default:
			put(140, 1)
			put(144, 2) // T=1
		}
	case 0x0F: // an attribute
		if u32.Uint32(body[4:]) != 0x10102 {
			put(276, pcscUnsupported)
			break
		}
		put(8, pcscVersion)
		put(272, 4)
	case 0x09: // transmit
		n := u32.Uint32(body[12:])
		if n > 264 {
			return nil, false
		}
		apdu := make([]byte, n)
		if _, err := io.ReadFull(conn, apdu); err != nil {
			return nil, false
		}
		switch {
		case *connected == nil:
			put(28, pcscBadRequest)
		case *connected != p.card:
			put(28, pcscRemoved)
		default:
			p.asked++
			answer := p.card.answer(apdu)
			put(24, uint32(len(answer)))
			return append(body, answer...), true
		}
	}
	return body, true
}

// table is the state of all slots; mu is held.
func (p *PCSCD) table() []byte {
	table := make([]byte, pcscSlots*pcscStateBytes)
	if !p.plugged {
		return table
	}
	copy(table, p.reader)
	u32 := binary.NativeEndian
	u32.PutUint32(table[pcscNameBytes:], p.changes)
	state := uint32(0x02) // absent
	if p.card != nil {
		state = 0x04 | 0x10 // present, powered
		atr := p.card.atr()
		copy(table[pcscNameBytes+12:], atr)
		u32.PutUint32(table[pcscNameBytes+48:], uint32(len(atr)))
		u32.PutUint32(table[pcscNameBytes+52:], 2)
	}
	u32.PutUint32(table[pcscNameBytes+4:], state)
	return table
}

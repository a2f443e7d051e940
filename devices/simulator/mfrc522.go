package simulator

import (
	"bytes"
	"errors"
	"slices"
	"sync"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// MFRC522 is a pretended reader chip on SPI, for spireg.Register: it has the
// registers of NXP's data sheet that take part in talking to a card, and cards in
// its field. Its methods may be called from several goroutines.
type MFRC522 struct {
	mu        sync.Mutex // guards what follows
	registers [64]byte
	fifo      []byte
	field     []*fieldCard
	unplugged bool
	version   byte // what VersionReg says
}

// fieldCard is a card in the field and how far its selection is (ISO/IEC 14443-3,
// figure 7).
type fieldCard struct {
	*Card
	state byte // i: idle, r: ready, a: active, h: halted
	level int  // of the cascade, when ready
}

// Registers and bits (MFRC522 data sheet, 9.2 and 9.3).
const (
	regCommand    = 0x01
	regComIrq     = 0x04
	regError      = 0x06
	regFIFOData   = 0x09
	regFIFOLevel  = 0x0A
	regControl    = 0x0C
	regBitFraming = 0x0D
	regTxControl  = 0x14
	regVersion    = 0x37

	chipVersion   = 0x92
	chipReset     = 0x0F
	chipTalk      = 0x0C
	timerIrq      = 0x01
	idleIrq       = 0x10
	rxIrq         = 0x20
	collisionSeen = 0x08
)

// NewMFRC522 makes a chip with nothing in its field.
func NewMFRC522() *MFRC522 {
	return NewMFRC522Version(chipVersion)
}

// NewMFRC522Version makes one whose VersionReg says so: 91h and 92h are NXP's, 88h and
// others are copies.
func NewMFRC522Version(version byte) *MFRC522 {
	m := &MFRC522{version: version}
	m.reset()
	return m
}

// Place brings a card into the field, beside what is there.
func (m *MFRC522) Place(card *Card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.field = append(m.field, &fieldCard{Card: card, state: 'i'})
}

// Lift takes all cards away.
func (m *MFRC522) Lift() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.field = nil
}

// Unplug takes the chip off its wires, and Plug brings it back as it is after power
// came.
func (m *MFRC522) Unplug() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unplugged = true
}

// Plug undoes Unplug.
func (m *MFRC522) Plug() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unplugged = false
	m.reset()
}

func (m *MFRC522) reset() {
	m.registers = [64]byte{regVersion: m.version, regTxControl: 0x80}
	m.fifo = nil
}

// String implements conn.Resource.
func (m *MFRC522) String() string { return "simulated MFRC522" }

// Close implements spi.PortCloser.
func (m *MFRC522) Close() error { return nil }

// LimitSpeed implements spi.PortCloser.
func (m *MFRC522) LimitSpeed(physic.Frequency) error { return nil }

// Connect implements spi.Port.
func (m *MFRC522) Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error) {
	return chipConn{m}, nil
}

type chipConn struct{ *MFRC522 }

func (c chipConn) Duplex() conn.Duplex { return conn.Full }

func (c chipConn) TxPackets([]spi.Packet) error {
	return errors.New("simulated MFRC522 takes no packets")
}

// Tx is one access to one register (data sheet, 8.1.2): an address byte, whose
// first bit says read, and a byte.
func (c chipConn) Tx(w, r []byte) error {
	m := c.MFRC522
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(w) != 2 {
		return errors.New("simulated MFRC522 takes one register at a time")
	}
	address := w[0] >> 1 & 0x3f
	switch {
	case m.unplugged:
		clear(r) // nobody drives the line
	case w[0]&0x80 == 0:
		m.write(address, w[1])
	case len(r) == 2:
		r[0], r[1] = 0, m.read(address)
	}
	return nil
}

func (m *MFRC522) read(address byte) byte {
	switch address {
	case regFIFOData:
		if len(m.fifo) == 0 {
			return 0
		}
		b := m.fifo[0]
		m.fifo = m.fifo[1:]
		return b
	case regFIFOLevel:
		return byte(len(m.fifo))
	}
	return m.registers[address]
}

func (m *MFRC522) write(address, b byte) {
	switch address {
	case regFIFOData:
		m.fifo = append(m.fifo, b)
		return
	case regFIFOLevel:
		if b&0x80 != 0 {
			m.fifo = nil
		}
		return
	case regComIrq: // the first bit says whether the others are set or cleared
		if b&0x80 != 0 {
			m.registers[address] |= b & 0x7f
		} else {
			m.registers[address] &^= b
		}
		return
	case regCommand:
		if b == chipReset {
			m.reset()
			return
		}
	}
	m.registers[address] = b
	if address == regBitFraming && b&0x80 != 0 && m.registers[regCommand] == chipTalk {
		m.talk(int(b & 7))
	}
}

// talk sends what is in the FIFO to the cards, and takes in what they answer.
func (m *MFRC522) talk(lastBits int) {
	sent := m.fifo
	m.fifo = nil
	m.registers[regError], m.registers[regControl] = 0, 0
	m.registers[regComIrq] = 0
	var answer []byte
	for _, c := range m.field {
		a := c.hear(sent, lastBits)
		switch {
		case m.registers[regTxControl]&3 != 3 || a == nil: // no field, or no answer
		case answer != nil && !bytes.Equal(a, answer):
			m.registers[regError] |= collisionSeen
		default:
			answer = a
		}
	}
	if answer == nil {
		m.registers[regComIrq] |= timerIrq
		return
	}
	if len(answer) == 1 { // a refusal has four bits
		m.registers[regControl] = 4
	}
	m.fifo = slices.Clone(answer)
	m.registers[regComIrq] |= rxIrq | idleIrq
}

// hear is a card's side of ISO/IEC 14443-3.
func (c *fieldCard) hear(b []byte, lastBits int) []byte {
	if lastBits == 7 && len(b) == 1 {
		if b[0] == 0x52 && (c.state == 'i' || c.state == 'h') || b[0] == 0x26 && c.state == 'i' {
			c.state, c.level = 'r', 0
			return []byte{0x44, 0x00}
		}
		c.state = 'i'
		return nil
	}
	levels := c.levels()
	switch {
	case c.state == 'r' && len(b) == 2 && b[0] == 0x93+2*byte(c.level) && b[1] == 0x20:
		return levels[c.level]
	case c.state == 'r' && len(b) == 9 && b[0] == 0x93+2*byte(c.level) && b[1] == 0x70 && bytes.Equal(b[2:7], levels[c.level]) && checked(b):
		if c.level++; c.level < len(levels) {
			return checkSum([]byte{0x04})
		}
		c.state = 'a'
		return checkSum([]byte{0x00})
	case c.state == 'a' && len(b) == 4 && b[0] == 0x30 && checked(b):
		if data := c.read(b[1]); data != nil {
			return checkSum(data)
		}
		c.state = 'i'
		return []byte{0x00} // NAK
	case c.state == 'a' && len(b) == 4 && b[0] == 0x50 && b[1] == 0 && checked(b):
		c.state = 'h'
		return nil
	}
	c.state = 'i'
	return nil
}

// levels are the answers to anticollision.
func (c *Card) levels() [][]byte {
	withCheck := func(b ...byte) []byte { return append(slices.Clip(b), b[0]^b[1]^b[2]^b[3]) }
	if len(c.uid) == 7 {
		return [][]byte{withCheck(0x88, c.uid[0], c.uid[1], c.uid[2]), withCheck(c.uid[3:]...)}
	}
	return [][]byte{withCheck(c.uid[0], c.uid[1], c.uid[2], c.uid[3])}
}

// checkSum appends CRC_A, computed here bit by bit as the standard's annex
// describes it.
func checkSum(b []byte) []byte {
	register := uint16(0x6363)
	for _, c := range b {
		for i := range 8 {
			bit := uint16(c>>i)&1 ^ register&1
			register >>= 1
			if bit == 1 {
				register ^= 0x8408
			}
		}
	}
	return append(slices.Clone(b), byte(register), byte(register>>8))
}

func checked(b []byte) bool { return bytes.Equal(checkSum(b[:len(b)-2]), b) }

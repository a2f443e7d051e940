package nfc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/devices/v3/mfrc522/commands"

	"clinicgate/devices"
	clinicgpio "clinicgate/devices/gpio"
)

// Commands to a card (ISO/IEC 14443-3, 6.4; Type 2 Tag 1.2, chapter 5).
const (
	wakeUp      = 0x52 // WUPA, 7 bits: also cards that were put to sleep
	halt        = 0x50 // HLTA
	selectOne   = 0x93 // cascade level 1
	selectTwo   = 0x95 // cascade level 2
	anyCard     = 0x20 // NVB of anticollision: nothing is known of the number
	wholeNumber = 0x70 // NVB of SELECT: all of it
	readPages   = 0x30 // READ: 16 bytes
)

const (
	// spiSpeed is below the chip's 10 MHz: the wires of a kiosk are long for that.
	spiSpeed = 4 * physic.MegaHertz
	// startUp covers the oscillator of a chip that leaves reset (data sheet, 8.8).
	startUp = 5 * time.Millisecond

	collision     = 0x08 // of ErrorReg
	antennaOn     = 0x03 // of TxControlReg
	bitsOfATQA    = 16
	bitsOfLevel   = 40
	bitsOfSAK     = 24 // with its check sum
	bitsOfPages   = 8 * (readBytes + 2)
	bitsOfShort   = 7 // the length of WUPA
	fullBytesOnly = 0
)

// mfrc522 is a reader chip on SPI. The library drives its registers; the
// dialogue with the card is ours, since the library's own does not finish the
// selection of a card with a number of 7 bytes and so cannot read it, and waits on
// an interrupt line that many boards leave unconnected.
type mfrc522 struct {
	port  spi.PortCloser
	chip  *commands.LowLevel
	awake bool // the last look selected a card
}

var _ reader = (*mfrc522)(nil)

func openMFRC522(name, reset string) (reader, string, error) {
	if err := clinicgpio.Ready(); err != nil {
		return nil, "", &devices.Fault{Reason: "cannot look for SPI on this machine", Hint: "use a reader with a USB plug instead", Err: err}
	}
	line := gpioreg.ByName(reset)
	if line == nil {
		return nil, "", &devices.Fault{Reason: "no such GPIO line", Hint: "set reset to the line at the reader's RST input, such as GPIO25"}
	}
	port, err := spireg.Open(name)
	if err != nil {
		f := &devices.Fault{Reason: "no such SPI port", Hint: "switch SPI on (on a Raspberry Pi: dtparam=spi=on in config.txt); SPI0.0 is /dev/spidev0.0", Err: err}
		if errors.Is(err, fs.ErrPermission) {
			f.Reason, f.Hint = "no permission to use the SPI port", "add the service's user to the group spi"
		}
		return nil, "", f
	}
	m := &mfrc522{port: port}
	if err := m.start(line); err != nil {
		_ = port.Close()
		return nil, "", err
	}
	return m, name, nil
}

// start takes the chip through a hard reset and switches its field on.
func (m *mfrc522) start(reset gpio.PinOut) error {
	if err := m.port.LimitSpeed(spiSpeed); err != nil {
		return chipFault(err)
	}
	if err := reset.Out(gpio.Low); err != nil {
		return &devices.Fault{Reason: "cannot use the GPIO line", Hint: "another program may have it; check the device's reset", Err: err}
	}
	time.Sleep(startUp)
	chip, err := commands.NewLowLevelSPI(m.port, reset, nil)
	if err != nil {
		return chipFault(err)
	}
	time.Sleep(startUp)
	m.chip = chip
	if err := m.answers(); err != nil {
		return err
	}
	return chipFault(chip.Init())
}

// answers looks whether a chip is there: a line that nobody drives reads as all
// zeros or all ones. A bus error does not tell, since SPI has none.
func (m *mfrc522) answers() error {
	version, err := m.chip.DevRead(commands.VersionReg)
	if err != nil {
		return chipFault(err)
	}
	if version == 0x00 || version == 0xff {
		return &devices.Fault{Reason: "reader chip does not answer", Hint: "check the wires and the power of the MFRC522, and the chip select in the device's port"}
	}
	return nil
}

func chipFault(err error) error {
	if err == nil {
		return nil
	}
	return &devices.Fault{Reason: "reader chip stopped working", Hint: "check the wires and the power of the MFRC522", Err: err}
}

// look implements reader.
func (m *mfrc522) look() (presence, error) {
	if err := m.answers(); err != nil {
		return presence{}, err
	}
	if field, err := m.chip.DevRead(commands.TxControlReg); err != nil {
		return presence{}, chipFault(err)
	} else if field&antennaOn != antennaOn { // its power failed for a moment
		if err := m.chip.Init(); err != nil {
			return presence{}, chipFault(err)
		}
	}
	if m.awake {
		m.awake = false
		m.card(fullBytesOnly, withCRC(halt, 0)...) // a card that obeys does not answer
	}
	if _, bits := m.card(bitsOfShort, wakeUp); bits != bitsOfATQA && !m.collided() {
		return presence{}, nil
	}
	var levels [][]byte
	for _, level := range []byte{selectOne, selectTwo} {
		answer, bits := m.card(fullBytesOnly, level, anyCard)
		if bits != bitsOfLevel {
			if m.collided() {
				return presence{trouble: ReasonSeveral}, nil
			}
			return presence{}, nil
		}
		levels = append(levels, answer)
		uid, more, err := assembleUID(levels...)
		if err != nil {
			return presence{}, nil // noise; it is looked at again
		}
		sak, bits := m.card(fullBytesOnly, withCRC(append([]byte{level, wholeNumber}, answer...)...)...)
		if bits != bitsOfSAK || !hasCRC(sak) {
			return presence{}, nil
		}
		if !more {
			m.awake = true
			return presence{uid: uid}, nil
		}
	}
	return presence{}, nil
}

// collided reports whether more than one card answered just now.
func (m *mfrc522) collided() bool {
	e, err := m.chip.DevRead(commands.ErrorReg)
	return err == nil && e&collision != 0
}

var errSilent = errors.New("the card did not answer")

// read implements reader.
func (m *mfrc522) read(page byte) ([]byte, error) {
	answer, bits := m.card(fullBytesOnly, withCRC(readPages, page)...)
	if bits != bitsOfPages || len(answer) != readBytes {
		return nil, errSilent
	}
	for range 2 { // the library takes 16 bytes out of the chip; the check sum is left in it
		b, err := m.chip.DevRead(commands.FIFODataReg)
		if err != nil {
			return nil, chipFault(err)
		}
		answer = append(answer, b)
	}
	if !hasCRC(answer) {
		return nil, errSilent
	}
	return answer[:readBytes], nil
}

// card sends to the card and gives its answer and how many bits it had, -1 for
// none. The library does not tell a card that is silent, which is the usual case,
// from a chip that is; answers does.
func (m *mfrc522) card(lastBits byte, b ...byte) ([]byte, int) {
	if m.chip.DevWrite(commands.BitFramingReg, lastBits) != nil {
		return nil, -1
	}
	answer, bits, err := m.chip.CardWrite(commands.PCD_TRANSCEIVE, b)
	if err != nil {
		return nil, -1
	}
	return answer, bits
}

// version implements reader: the chip and its version (data sheet, 9.3.4.8).
func (m *mfrc522) version() string {
	b, err := m.chip.DevRead(commands.VersionReg)
	if err != nil {
		return ""
	}
	if b>>4 != 9 { // a copy of the chip, or a later one
		return fmt.Sprintf("VersionReg %02Xh", b)
	}
	return fmt.Sprintf("MFRC522 %d.0", b&0x0f)
}

// close implements reader.
func (m *mfrc522) close() {
	_ = m.chip.Halt() // powers the chip down; it may be gone
	_ = m.port.Close()
}

// crcA is CRC_A of ISO/IEC 14443-3, annex B: polynomial x^16+x^12+x^5+1,
// reflected, begun with 6363; the low byte is sent first.
func crcA(b []byte) [2]byte {
	crc := uint16(0x6363)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return [2]byte{byte(crc), byte(crc >> 8)}
}

func withCRC(b ...byte) []byte {
	sum := crcA(b)
	return append(slices.Clip(b), sum[:]...)
}

func hasCRC(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	sum := crcA(b[:len(b)-2])
	return bytes.Equal(b[len(b)-2:], sum[:])
}

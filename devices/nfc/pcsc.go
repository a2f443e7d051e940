package nfc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"clinicgate/devices"
)

// service is a system's smart card service, as PC/SC part 5 has it: pcscd on Linux,
// WinSCard on Windows. The error of a call is a scardError when the service
// answered, and anything else when it is gone.
type service interface {
	slots() ([]slot, error)
	connect(reader string) (cardHandle, error)
	transmit(h cardHandle, apdu []byte) ([]byte, error)
	disconnect(h cardHandle) error
	// driverVersion is the attribute SCARD_ATTR_VENDOR_IFD_VERSION of a reader, which
	// is asked without a card.
	driverVersion(reader string) ([]byte, error)
	close()
}

// slot is one place for a card.
type slot struct {
	name    string
	card    bool
	changes uint32 // counts cards that came and went
}

// cardHandle is a connection to a card.
type cardHandle struct {
	id       uintptr
	protocol uint32
}

// scardError is a status of the service other than success.
type scardError uint32

func (e scardError) Error() string { return fmt.Sprintf("smart card service says %08X", uint32(e)) }

// Statuses that say something else than that the card did not work.
const (
	scardNoService      scardError = 0x8010001D
	scardServiceStopped scardError = 0x8010001E
	scardNoReaders      scardError = 0x8010002E
	scardInvalidHandle  scardError = 0x80100003
)

// The commands of PC/SC part 3 for contactless cards, and one of ACS.
var (
	getUID    = []byte{0xFF, 0xCA, 0x00, 0x00, 0x00}
	buzzerOff = []byte{0xFF, 0x00, 0x52, 0x00, 0x00} // ACR122U API 6.7: no sound when a card comes
)

func readBinary(page byte) []byte { return []byte{0xFF, 0xB0, 0x00, page, readBytes} }

// muteAfter is how many looks a card may take to answer.
const muteAfter = 5

// pcscReader is one reader of the service. A reader with several slots of one name
// counts as one.
type pcscReader struct {
	service service
	unit    string // its name with its number
	first   string // its first slot
	quiet   bool   // its buzzer was turned off, or it has none

	in      slot     // the slot whose card was looked at last
	seen    presence // what it was
	misses  int      // looks at it without an answer
	settled bool     // seen counts until in changes
}

var _ reader = (*pcscReader)(nil)

// openPCSC connects to the service and finds the reader.
func openPCSC(name, socket string) (reader, string, error) {
	s, err := openService(socket)
	if err != nil {
		return nil, "", err
	}
	r := &pcscReader{service: s}
	slots, err := s.slots()
	if err == nil {
		r.unit, err = findUnit(slots, name)
	}
	if err != nil {
		s.close()
		return nil, "", serviceFault(err)
	}
	for _, s := range slices.Backward(slots) {
		if _, unit := stableName(s.name); unit == r.unit {
			r.first = s.name
		}
	}
	r.quiet = !strings.Contains(r.unit, "ACR122")
	return r, r.unit, nil
}

var (
	// PC/SC lite ends a name by the number of the reader and of the slot, WinSCard by
	// one number; both are given out in the order of plugging.
	liteName = regexp.MustCompile(`^(.*) ([0-9A-F]{2}) ([0-9A-F]{2})$`)
	winName  = regexp.MustCompile(`^(.*) ([0-9]{1,3})$`)
)

// stableName parts a slot's name into what stays the same when the reader is
// plugged in again, and the name of its unit at the moment.
func stableName(slot string) (stable, unit string) {
	if m := liteName.FindStringSubmatch(slot); m != nil {
		return m[1], m[1] + " " + m[2]
	}
	if m := winName.FindStringSubmatch(slot); m != nil {
		return m[1], slot
	}
	return slot, slot
}

// findUnit picks the reader of a name, or the only one where none is given.
func findUnit(slots []slot, name string) (string, error) {
	units := map[string]bool{}
	unit := ""
	for _, s := range slots {
		stable, u := stableName(s.name)
		if name == "" || strings.EqualFold(stable, name) || strings.EqualFold(s.name, name) {
			units[u] = true
			unit = u
		}
	}
	switch {
	case len(units) == 1:
		return unit, nil
	case len(units) > 1:
		return "", &devices.Fault{Reason: "more than one reader matches", Hint: "name one in the device's port; " + there(slots)}
	case len(slots) > 0 && name != "":
		return "", &devices.Fault{Reason: "no reader of this name", Hint: "plug the reader in, or correct the name in the device's port; " + there(slots)}
	}
	return "", &devices.Fault{Reason: "not plugged in", Hint: "plug the reader in; on Linux its driver is the package libccid"}
}

// Reader is a reader that the smart card service has.
type Reader struct {
	Name string // of the moment
	Port string // what to write for it in the config
}

// Readers lists the readers of the smart card service on a socket, as Config has
// it; none where the service does not answer.
func Readers(socket string) (list []Reader) {
	s, err := openService(socket)
	if err != nil {
		return nil
	}
	defer s.close()
	slots, err := s.slots()
	if err != nil {
		return nil
	}
	for _, one := range slots {
		stable, unit := stableName(one.name)
		if slices.ContainsFunc(list, func(r Reader) bool { return r.Name == unit }) {
			continue // another slot of it
		}
		port := stable
		if _, err := findUnit(slots, stable); err != nil {
			port = one.name // one of several of a kind: told apart by number only
		}
		list = append(list, Reader{Name: unit, Port: "pcsc:" + port})
	}
	return list
}

// there names the readers that are plugged in, as a port names them.
func there(slots []slot) string {
	var names []string
	for _, s := range slots {
		stable, _ := stableName(s.name)
		if name := "pcsc:" + stable; !slices.Contains(names, name) && len(names) < 4 {
			names = append(names, name)
		}
	}
	return "there is " + strings.Join(names, ", ")
}

// look implements reader.
func (r *pcscReader) look() (presence, error) {
	slots, err := r.service.slots()
	if err != nil {
		return presence{}, serviceFault(err)
	}
	here := false
	for _, s := range slots {
		if _, unit := stableName(s.name); unit != r.unit {
			continue
		}
		here = true
		if !s.card {
			continue
		}
		if s != r.in {
			r.in, r.seen, r.misses, r.settled = s, presence{}, 0, false
		}
		if r.settled {
			return r.seen, nil
		}
		return r.ask()
	}
	if !here {
		return presence{}, &devices.Fault{Reason: "unplugged", Hint: "check the reader's cable"}
	}
	r.in, r.seen, r.settled = slot{}, presence{}, false
	return presence{}, nil
}

// ask asks the card that is in the slot for its number.
func (r *pcscReader) ask() (presence, error) {
	var uid []byte
	err := r.with(func(h cardHandle) error {
		if !r.quiet {
			r.quiet = true
			_, _ = r.service.transmit(h, buzzerOff) // a reader that beeps is no harm
		}
		answer, err := r.service.transmit(h, getUID)
		if err == nil {
			uid, err = success(answer)
		}
		return err
	})
	switch {
	case err == nil && isUID(uid):
		r.seen = presence{uid: uid}
	case err == nil || errors.Is(err, errStatus):
		r.seen = presence{trouble: ReasonNoNumber}
	default:
		if _, ok := errors.AsType[scardError](err); !ok {
			return presence{}, serviceFault(err)
		}
		if r.misses++; r.misses < muteAfter {
			return presence{}, nil
		}
		r.seen = presence{trouble: ReasonMute}
	}
	r.settled = true
	return r.seen, nil
}

// read implements reader.
func (r *pcscReader) read(page byte) (data []byte, err error) {
	err = r.with(func(h cardHandle) error {
		answer, err := r.service.transmit(h, readBinary(page))
		if err == nil {
			data, err = success(answer)
		}
		return err
	})
	if err == nil && len(data) != readBytes {
		err = errStatus
	}
	if _, said := errors.AsType[scardError](err); err != nil && !said && !errors.Is(err, errStatus) {
		err = serviceFault(err)
	}
	return data, err
}

// with connects to the card in the slot for the time of f.
func (r *pcscReader) with(f func(cardHandle) error) error {
	h, err := r.service.connect(r.in.name)
	if err != nil {
		return err
	}
	err = f(h)
	if gone := r.service.disconnect(h); err == nil {
		if _, said := errors.AsType[scardError](gone); gone != nil && !said {
			err = gone
		}
	}
	return err
}

// version implements reader.
func (r *pcscReader) version() string {
	b, err := r.service.driverVersion(r.first)
	if err != nil {
		return "" // it tells none, or another program has the reader for itself
	}
	return unitVersion(b)
}

// vendorVersion is SCARD_ATTR_VENDOR_IFD_VERSION (PC/SC part 3, 3.1.3).
const vendorVersion = 1<<16 | 0x0102

// unitVersion reads that attribute: 0xMMmmbbbb, major and minor number and build.
// libccid and Windows' driver fill it with the unit's bcdDevice.
func unitVersion(b []byte) string {
	if len(b) != 4 {
		return ""
	}
	v := binary.NativeEndian.Uint32(b)
	switch build := v & 0xffff; {
	case v == 0:
		return ""
	case build != 0:
		return fmt.Sprintf("%x.%02x build %d", v>>24, v>>16&0xff, build)
	}
	return fmt.Sprintf("%x.%02x", v>>24, v>>16&0xff)
}

// close implements reader.
func (r *pcscReader) close() { r.service.close() }

// errStatus: the reader or the card answered something else than success.
var errStatus = errors.New("the card does not do this")

// success takes off the status 90 00 of a response (ISO/IEC 7816-4, 5.6).
func success(answer []byte) ([]byte, error) {
	n := len(answer) - 2
	if n < 0 || answer[n] != 0x90 || answer[n+1] != 0x00 {
		return nil, errStatus
	}
	return answer[:n], nil
}

// serviceFault says to a technician what is wrong with the service.
func serviceFault(err error) error {
	if f, ok := errors.AsType[*devices.Fault](err); ok {
		return f
	}
	switch code, _ := errors.AsType[scardError](err); code {
	case scardNoReaders:
		return &devices.Fault{Reason: "not plugged in", Hint: "plug the reader in", Err: err}
	case scardNoService, scardServiceStopped, scardInvalidHandle:
		return &devices.Fault{Reason: "smart card service stopped", Hint: serviceHint, Err: err}
	}
	return &devices.Fault{Reason: "smart card service does not answer", Hint: serviceHint, Err: err}
}

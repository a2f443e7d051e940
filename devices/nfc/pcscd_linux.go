package nfc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"time"

	"clinicgate/devices"
)

const (
	defaultSocket = "/run/pcscd/pcscd.comm"
	serviceHint   = "start the smart card service: systemctl start pcscd.socket"
	// exchangeWithin bounds one call; a card may take a second or two to be powered.
	exchangeWithin = 5 * time.Second
)

// The protocol of pcscd's socket, version 4.x (PC/SC lite: src/winscard_msg.h,
// src/eventhandler.h). A request is its length without this header, a command, and
// a structure; the answer is the same structure, filled in. Numbers are 32 bits in
// the machine's own order.
const (
	cmdEstablish  = 0x01
	cmdRelease    = 0x02
	cmdConnect    = 0x04
	cmdDisconnect = 0x06
	cmdTransmit   = 0x09
	cmdAttribute  = 0x0F
	cmdVersion    = 0x11
	cmdStates     = 0x12

	versionMajor = 4
	// versionMinor is of PC/SC lite 1.8.24 to 2.x. What is used here is the same from
	// 4.2 on, so another version that pcscd asks for is taken up to maxMinor.
	versionMinor = 4
	minMinor     = 2
	maxMinor     = 9

	scopeSystem   = 2
	shareShared   = 2
	shareDirect   = 3     // the reader, card or none
	anyProtocol   = 1 | 2 // T=0 or T=1
	leaveCard     = 0
	cardPresent   = 0x0004
	maxATR        = 33
	maxSlots      = 16
	maxAttribute  = 264
	maxResponse   = 264 // of a short APDU: 256 bytes and the status, and room
	stateBytes    = maxReaderName + 3*4 + maxATR + 3 + 2*4
	statesBytes   = maxSlots * stateBytes
	ioRequestSize = 16
)

// pcscd is a connection to the daemon and a context in it.
type pcscd struct {
	conn    net.Conn
	context uint32
}

var _ service = (*pcscd)(nil)

func openService(socket string) (service, error) {
	if socket == "" {
		socket = defaultSocket
	}
	d, err := dialPCSCD(socket, versionMinor)
	if other, ok := errors.AsType[otherVersion](err); ok && other.major == versionMajor && other.minor >= minMinor && other.minor <= maxMinor {
		d, err = dialPCSCD(socket, other.minor)
	}
	if err != nil {
		return nil, dialFault(err)
	}
	return d, nil
}

func dialFault(err error) error {
	f := &devices.Fault{Reason: "smart card service does not answer", Hint: serviceHint, Err: err}
	if other, ok := errors.AsType[otherVersion](err); ok {
		f.Reason, f.Hint = "smart card service speaks another version", "install a pcscd of version 1.8.24 or newer"
		f.Err = other
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Reason, f.Hint = "smart card service is not there", "install it and start it: apt install pcscd libccid, systemctl start pcscd.socket"
	case errors.Is(err, fs.ErrPermission):
		f.Reason, f.Hint = "no permission to use the smart card service", "let the service's user use "+defaultSocket
	case errors.Is(err, io.EOF):
		f.Reason, f.Hint = "smart card service turned us away", "allow the service's user org.debian.pcsc-lite.access_pcsc and access_card by a polkit rule"
	}
	return f
}

// otherVersion is what pcscd answered to a version that it does not speak.
type otherVersion struct{ major, minor int32 }

func (v otherVersion) Error() string {
	return fmt.Sprintf("pcscd speaks version %d.%d", v.major, v.minor)
}

func dialPCSCD(socket string, minor int32) (*pcscd, error) {
	conn, err := net.DialTimeout("unix", socket, exchangeWithin)
	if err != nil {
		return nil, err
	}
	d := &pcscd{conn: conn}
	if err := d.begin(minor); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return d, nil
}

// begin agrees on the version and makes a context.
func (d *pcscd) begin(minor int32) error {
	version := struct {
		Major, Minor int32
		Status       uint32
	}{versionMajor, minor, 0}
	if err := d.call(cmdVersion, &version); err != nil {
		return err
	}
	if version.Status != 0 || version.Major != versionMajor {
		return otherVersion{version.Major, version.Minor}
	}
	establish := struct{ Scope, Context, Status uint32 }{Scope: scopeSystem}
	if err := d.call(cmdEstablish, &establish); err != nil {
		return err
	}
	d.context = establish.Context
	return status(establish.Status)
}

func status(code uint32) error {
	if code != 0 {
		return scardError(code)
	}
	return nil
}

// call sends a structure of fixed size, and what follows it, and reads it back.
func (d *pcscd) call(command uint32, body any, after ...byte) error {
	if err := d.send(command, body, after...); err != nil {
		return err
	}
	return binary.Read(d.conn, binary.NativeEndian, body)
}

func (d *pcscd) send(command uint32, body any, after ...byte) error {
	if err := d.conn.SetDeadline(time.Now().Add(exchangeWithin)); err != nil {
		return err
	}
	var b bytes.Buffer
	size := 0
	if body != nil {
		size = binary.Size(body)
	}
	_ = binary.Write(&b, binary.NativeEndian, [2]uint32{uint32(size), command}) // to memory
	if body != nil {
		_ = binary.Write(&b, binary.NativeEndian, body)
	}
	b.Write(after)
	_, err := d.conn.Write(b.Bytes())
	return err
}

// slots implements service.
func (d *pcscd) slots() ([]slot, error) {
	if err := d.send(cmdStates, nil); err != nil {
		return nil, err
	}
	table := make([]byte, statesBytes)
	if _, err := io.ReadFull(d.conn, table); err != nil {
		return nil, err
	}
	return readStates(table), nil
}

// readStates reads pcscd's table of slots; a row without a name is free.
func readStates(table []byte) (list []slot) {
	for row := range slices.Chunk(table, stateBytes) {
		if len(row) < stateBytes {
			return list
		}
		name, _, ended := bytes.Cut(row[:maxReaderName], []byte{0})
		if len(name) == 0 || !ended {
			continue
		}
		for i, c := range name { // the unit chose it, and it is shown on terminals
			if c < ' ' || c > '~' {
				name[i] = '?'
			}
		}
		number := func(i int) uint32 { return binary.NativeEndian.Uint32(row[maxReaderName+4*i:]) }
		list = append(list, slot{name: string(name), changes: number(0), card: number(1)&cardPresent != 0})
	}
	return list
}

// connect implements service.
func (d *pcscd) connect(reader string) (cardHandle, error) {
	return d.open(reader, shareShared, anyProtocol)
}

func (d *pcscd) open(reader string, share, protocols uint32) (cardHandle, error) {
	body := struct {
		Context          uint32
		Reader           [maxReaderName]byte
		Share, Protocols uint32
		Card             int32
		Protocol, Status uint32
	}{Context: d.context, Share: share, Protocols: protocols}
	copy(body.Reader[:maxReaderName-1], reader)
	if err := d.call(cmdConnect, &body); err != nil {
		return cardHandle{}, err
	}
	return cardHandle{uintptr(uint32(body.Card)), body.Protocol}, status(body.Status)
}

// transmit implements service.
func (d *pcscd) transmit(h cardHandle, apdu []byte) ([]byte, error) {
	body := struct {
		Card                                    int32
		SendProtocol, SendSize, SendLength      uint32
		ReceiveProtocol, ReceiveSize, Available uint32
		Status                                  uint32
	}{int32(h.id), h.protocol, ioRequestSize, uint32(len(apdu)), h.protocol, ioRequestSize, maxResponse, 0}
	if err := d.call(cmdTransmit, &body, apdu...); err != nil {
		return nil, err
	}
	if err := status(body.Status); err != nil {
		return nil, err
	}
	if body.Available > maxResponse {
		return nil, errors.New("pcscd answers with more than was asked for")
	}
	answer := make([]byte, body.Available)
	_, err := io.ReadFull(d.conn, answer)
	return answer, err
}

// disconnect implements service.
func (d *pcscd) disconnect(h cardHandle) error {
	body := struct {
		Card                int32
		Disposition, Status uint32
	}{Card: int32(h.id), Disposition: leaveCard}
	if err := d.call(cmdDisconnect, &body); err != nil {
		return err
	}
	return status(body.Status)
}

// driverVersion implements service.
func (d *pcscd) driverVersion(reader string) ([]byte, error) {
	h, err := d.open(reader, shareDirect, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.disconnect(h) }() // a connection that broke is found by the next look
	body := struct {
		Card           int32
		Attribute      uint32
		Value          [maxAttribute]byte
		Length, Status uint32
	}{Card: int32(h.id), Attribute: vendorVersion, Length: maxAttribute}
	if err := d.call(cmdAttribute, &body); err != nil {
		return nil, err
	}
	return body.Value[:min(body.Length, maxAttribute)], status(body.Status)
}

// close implements service. pcscd frees what a client leaves behind, so a release
// that fails is no harm.
func (d *pcscd) close() {
	_ = d.call(cmdRelease, &struct{ Context, Status uint32 }{Context: d.context})
	_ = d.conn.Close()
}

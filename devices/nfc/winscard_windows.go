package nfc

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"clinicgate/devices"
)

const serviceHint = "start the service Smart Card (SCardSvr), and set it to start automatically"

const (
	scopeSystem   = 2
	shareShared   = 2
	shareDirect   = 3     // the reader, card or none
	anyProtocol   = 1 | 2 // T=0 or T=1
	leaveCard     = 0
	cardPresent   = 0x0020 // SCARD_STATE_PRESENT
	maxResponse   = 264
	maxSlots      = 16
	maxNamesUTF16 = 8192
	scardTimeout  = scardError(0x8010000A)
)

// winscard is Windows' smart card service; its functions are in winscard.dll. A
// service process may call them.
type winscard struct {
	context uintptr

	release, list, status, open, send, shut, attribute *windows.LazyProc
}

var _ service = (*winscard)(nil)

// openService makes a context. There is no socket on Windows.
func openService(string) (service, error) {
	dll := windows.NewLazySystemDLL("winscard.dll")
	establish := dll.NewProc("SCardEstablishContext")
	w := &winscard{
		release: dll.NewProc("SCardReleaseContext"), list: dll.NewProc("SCardListReadersW"), status: dll.NewProc("SCardGetStatusChangeW"),
		open: dll.NewProc("SCardConnectW"), send: dll.NewProc("SCardTransmit"), shut: dll.NewProc("SCardDisconnect"),
		attribute: dll.NewProc("SCardGetAttrib"),
	}
	for _, p := range []*windows.LazyProc{establish, w.release, w.list, w.status, w.open, w.send, w.shut, w.attribute} {
		if err := p.Find(); err != nil {
			return nil, &devices.Fault{Reason: "this Windows has no smart card service", Hint: "use a card reader on another computer", Err: err}
		}
	}
	if err := called(establish.Call(scopeSystem, 0, 0, uintptr(unsafe.Pointer(&w.context)))); err != nil {
		return nil, serviceFault(err)
	}
	return w, nil
}

// called turns what a function of the DLL gives into an error.
func called(status, _ uintptr, _ error) error {
	if status != 0 {
		return scardError(uint32(status))
	}
	return nil
}

// readerState is SCARD_READERSTATEW.
type readerState struct {
	name      *uint16
	user      uintptr
	current   uint32
	event     uint32
	atrLength uint32
	atr       [36]byte
}

// slots implements service.
func (w *winscard) slots() ([]slot, error) {
	names := make([]uint16, maxNamesUTF16)
	size := uint32(len(names))
	err := called(w.list.Call(w.context, 0, uintptr(unsafe.Pointer(&names[0])), uintptr(unsafe.Pointer(&size))))
	if err == scardNoReaders {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := readNames(names[:min(int(size), len(names))])
	if len(list) == 0 {
		return nil, nil
	}
	states := make([]readerState, len(list))
	for i, name := range list {
		if states[i].name, err = windows.UTF16PtrFromString(name); err != nil {
			return nil, err
		}
	}
	err = called(w.status.Call(w.context, 0, uintptr(unsafe.Pointer(&states[0])), uintptr(len(states))))
	if err != nil && err != scardTimeout { // nothing changed since nothing was known
		return nil, err
	}
	found := make([]slot, len(list))
	for i, s := range states {
		found[i] = slot{name: list[i], card: s.event&cardPresent != 0, changes: s.event >> 16}
	}
	return found, nil
}

// readNames parts a list of names that end in zeros; an empty one ends the list.
func readNames(text []uint16) (list []string) {
	for len(text) > 0 && len(list) < maxSlots {
		end := slices.Index(text, 0)
		if end <= 0 {
			return list
		}
		list = append(list, windows.UTF16ToString(text[:end]))
		text = text[end+1:]
	}
	return list
}

// connect implements service.
func (w *winscard) connect(reader string) (cardHandle, error) {
	return w.use(reader, shareShared, anyProtocol)
}

func (w *winscard) use(reader string, share, protocols uintptr) (cardHandle, error) {
	name, err := windows.UTF16PtrFromString(reader)
	if err != nil {
		return cardHandle{}, err
	}
	var h cardHandle
	err = called(w.open.Call(w.context, uintptr(unsafe.Pointer(name)), share, protocols,
		uintptr(unsafe.Pointer(&h.id)), uintptr(unsafe.Pointer(&h.protocol))))
	return h, err
}

// transmit implements service.
func (w *winscard) transmit(h cardHandle, apdu []byte) ([]byte, error) {
	request := struct{ protocol, size uint32 }{h.protocol, 8}
	answer := make([]byte, maxResponse)
	size := uint32(len(answer))
	err := called(w.send.Call(h.id, uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&apdu[0])), uintptr(len(apdu)),
		0, uintptr(unsafe.Pointer(&answer[0])), uintptr(unsafe.Pointer(&size))))
	if err != nil {
		return nil, err
	}
	return answer[:min(int(size), len(answer))], nil
}

// disconnect implements service.
func (w *winscard) disconnect(h cardHandle) error { return called(w.shut.Call(h.id, leaveCard)) }

// driverVersion implements service.
func (w *winscard) driverVersion(reader string) ([]byte, error) {
	h, err := w.use(reader, shareDirect, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.disconnect(h) }()
	value := make([]byte, 4)
	size := uint32(len(value))
	err = called(w.attribute.Call(h.id, vendorVersion, uintptr(unsafe.Pointer(&value[0])), uintptr(unsafe.Pointer(&size))))
	if err != nil {
		return nil, err
	}
	return value[:min(int(size), len(value))], nil
}

// close implements service.
func (w *winscard) close() { _, _, _ = w.release.Call(w.context) }

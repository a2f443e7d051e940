package nfc

import "errors"

// Memory of an NFC Forum Type 2 tag (Type 2 Tag Technical Specification 1.2,
// chapter 6; NXP NTAG213/215/216 data sheet, 8.5): pages of 4 bytes, of which
// READ gives 4 at once. Page 3 is the capability container, data begins at page 4.
const (
	pageBytes = 4
	readBytes = 4 * pageBytes
	ccPage    = 3
	dataPage  = 4
	// maxData is what can be reached with a one-byte page number; the largest tag in
	// use (NTAG216) has 888 bytes, of which its container offers 872.
	maxData = (256 - dataPage) * pageBytes
)

// The blocks that data consists of (TLV: type, length, value).
const (
	tlvNull        = 0x00
	tlvLockControl = 0x01 // where the lock bits of a larger tag are
	tlvMemControl  = 0x02 // what memory is reserved
	tlvNDEF        = 0x03
	tlvProprietary = 0xFD
	tlvEnd         = 0xFE
	longLength     = 0xFF // in place of a length: two more bytes tell it
)

var (
	errNoNDEF = errors.New("the tag has no NDEF message")
	errTLV    = errors.New("the tag's memory is damaged")
)

// readTag reads the NDEF message of a tag, and no more pages than it takes. read
// gives 16 bytes from a page on; its error is given back.
func readTag(read func(page byte) ([]byte, error)) ([]byte, error) {
	head, err := read(ccPage)
	if err != nil {
		return nil, err
	}
	size, err := dataSize(head)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, size+readBytes)
	data = append(data, head[pageBytes:]...)
	for {
		msg, need, err := findNDEF(data[:min(len(data), size)])
		switch {
		case err != nil:
			return nil, err
		case need == 0:
			return msg, nil
		case need > size || len(data) >= size:
			return nil, errTLV // a block that goes on behind the end
		}
		more, err := read(byte(dataPage + len(data)/pageBytes))
		if err != nil {
			return nil, err
		}
		if len(more) != readBytes {
			return nil, errTLV
		}
		data = append(data, more...)
	}
}

// dataSize reads the capability container: E1, version 1.x, size in units of 8
// bytes, access rights. What may not be read freely is not read.
func dataSize(head []byte) (int, error) {
	if len(head) != readBytes {
		return 0, errTLV
	}
	if head[0] != 0xE1 || head[1]>>4 != 1 || head[3]>>4 != 0 {
		return 0, errNoNDEF
	}
	return min(int(head[2])*8, maxData), nil
}

// findNDEF walks over the blocks to the first NDEF message and gives its bytes;
// need is not 0 when that takes at least so many bytes of data. Control blocks are
// skipped: they tell what is to be avoided in writing, and in the tags in use what
// they reserve lies behind the data.
func findNDEF(data []byte) (msg []byte, need int, err error) {
	for at := 0; ; {
		if at >= len(data) {
			return nil, at + 1, nil
		}
		kind := data[at]
		at++
		switch kind {
		case tlvNull:
			continue
		case tlvEnd:
			return nil, 0, errNoNDEF
		case tlvLockControl, tlvMemControl, tlvNDEF, tlvProprietary:
		default:
			return nil, 0, errTLV
		}
		if at >= len(data) {
			return nil, at + 1, nil
		}
		n := int(data[at])
		at++
		if n == longLength {
			if at+2 > len(data) {
				return nil, at + 2, nil
			}
			if n = int(data[at])<<8 | int(data[at+1]); n < longLength {
				return nil, 0, errTLV // it would have had the short form
			}
			at += 2
		}
		if n > maxData {
			return nil, 0, errTLV
		}
		if at+n > len(data) {
			if kind != tlvNDEF { // the rest of it need not be read
				return nil, at + n + 1, nil
			}
			return nil, at + n, nil
		}
		if kind == tlvNDEF {
			if n == 0 {
				return nil, 0, errNoNDEF
			}
			return data[at : at+n], 0, nil
		}
		at += n
	}
}

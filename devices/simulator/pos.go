package simulator

import "errors"

// A report of the simulated HID-POS scanner, as scanners of several makers lay
// it out: number, length, symbology identifier, data, two bytes of the maker's
// own, and whether the scan goes on.
const (
	posNumber  = 2
	posData    = 56
	posLength  = 1 + 1 + 3 + posData + 2 + 1
	maxPOSScan = 64 << 10
)

// POSDescriptor is the report descriptor of the simulated HID-POS scanner, by
// the HID Point of Sale Usage Tables 1.02.
func POSDescriptor() []byte {
	return []byte{
		0x05, 0x8c, 0x09, 0x02, 0xa1, 0x01, // page bar code scanner, usage bar code scanner: application
		0x09, 0x12, 0xa1, 0x02, 0x85, posNumber, // scanned data report
		0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, // bytes
		0x05, 0x01, 0x09, 0x3b, 0x95, 0x01, 0x81, 0x02, // byte count
		0x05, 0x8c, 0x09, 0xfb, 0x09, 0xfc, 0x09, 0xfd, 0x95, 0x03, 0x81, 0x02, // symbology identifier 1 to 3
		0x09, 0xfe, 0x95, posData, 0x82, 0x02, 0x01, // decoded data, buffered bytes
		0x06, 0x66, 0xff, 0x09, 0x04, 0x95, 0x02, 0x81, 0x02, // the maker's own
		0x05, 0x8c, 0x09, 0xff, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, // decoded data continued
		0xc0, 0xc0,
	}
}

// POSReports gives the reports of one scan, number included. symbology is the
// identifier without its "]", or empty.
func POSReports(symbology string, data []byte) ([][]byte, error) {
	if len(symbology) != 0 && len(symbology) != 2 || len(data) > maxPOSScan {
		return nil, errors.New("a scan has a symbology of two characters or none, and at most 64 KiB")
	}
	var all [][]byte
	for first := true; first || len(data) > 0; first = false {
		r := make([]byte, posLength)
		r[0] = posNumber
		if symbology != "" {
			r[2] = ']'
			copy(r[3:], symbology)
		}
		n := copy(r[5:5+posData], data)
		r[1], data = byte(n), data[n:]
		if len(data) > 0 {
			r[posLength-1] = 1
		}
		all = append(all, r)
	}
	return all, nil
}

package nfc

import (
	"bytes"
	"errors"
	"testing"
)

// memory gives a tag's memory by pages, as READ does, and counts what was read.
func memory(cc []byte, data []byte) (read func(byte) ([]byte, error), pages *int) {
	all := append(append(make([]byte, 12, 16+len(data)+readBytes), cc...), data...)
	all = append(all, make([]byte, readBytes)...)
	pages = new(int)
	return func(page byte) ([]byte, error) {
		*pages++
		at := int(page) * pageBytes
		if at+readBytes > len(all) {
			return nil, errors.New("behind the end")
		}
		return all[at : at+readBytes], nil
	}, pages
}

// ntag is the capability container of a tag as it leaves the factory.
func ntag(size byte) []byte { return []byte{0xE1, 0x10, size, 0x00} }

func pad(data []byte, size int) []byte { return append(data, make([]byte, size-len(data))...) }

func long(msg []byte) []byte {
	return append([]byte{tlvNDEF, 0xFF, byte(len(msg) >> 8), byte(len(msg))}, msg...)
}

func TestReadTag(t *testing.T) {
	short := append([]byte{tlvNDEF, 5}, "hello"...)
	factory := append([]byte{tlvLockControl, 3, 0xA0, 0x0C, 0x34}, short...)           // NTAG213
	control := append([]byte{tlvMemControl, 3, 1, 2, 3, 0, 0}, short...)               // and padding
	private := append([]byte{tlvProprietary, 4, 0x03, 0x02, 'n', 'o', 0x00}, short...) // looks like NDEF inside
	big := bytes.Repeat([]byte("b"), 868)
	for _, tt := range []struct {
		name  string
		cc    []byte
		data  []byte
		want  string
		err   error
		reads int
	}{
		{"213", ntag(0x12), pad(short, 144), "hello", nil, 1},
		{"213 with lock control", ntag(0x12), pad(factory, 144), "hello", nil, 1},
		{"215 with memory control", ntag(0x3E), pad(control, 496), "hello", nil, 2},
		{"proprietary", ntag(0x12), pad(private, 144), "hello", nil, 2},
		{"213 to its last byte", ntag(0x12), append([]byte{tlvNDEF, 142}, bytes.Repeat([]byte("a"), 142)...), string(bytes.Repeat([]byte("a"), 142)), nil, 10},
		{"216 to its last byte", ntag(0x6D), long(big), string(big), nil, 55},
		{"nothing on it", ntag(0x12), pad([]byte{tlvEnd}, 144), "", errNoNDEF, 1},
		{"an empty message", ntag(0x12), pad([]byte{tlvNDEF, 0, tlvEnd}, 144), "", errNoNDEF, 1},
		{"no end", ntag(0x12), make([]byte, 144), "", errTLV, 10},
		{"no room", ntag(0), make([]byte, 16), "", errTLV, 1},
		{"longer than the tag", ntag(0x12), pad([]byte{tlvNDEF, 143}, 144), "", errTLV, 1},
		{"control longer than the tag", ntag(0x12), pad([]byte{tlvLockControl, 200}, 144), "", errTLV, 1},
		{"much longer", ntag(0xFF), pad([]byte{tlvNDEF, 0xFF, 0xFF, 0xFE}, 144), "", errTLV, 1},
		{"a long form of a short length", ntag(0x12), pad([]byte{tlvNDEF, 0xFF, 0, 5}, 144), "", errTLV, 1},
		{"an unknown block", ntag(0x12), pad([]byte{0x55, 1}, 144), "", errTLV, 1},
		{"no container", []byte{0, 0, 0, 0}, pad(short, 144), "", errNoNDEF, 1},
		{"version 2", []byte{0xE1, 0x20, 0x12, 0}, pad(short, 144), "", errNoNDEF, 1},
		{"not free to read", []byte{0xE1, 0x10, 0x12, 0xF0}, pad(short, 144), "", errNoNDEF, 1},
	} {
		read, pages := memory(tt.cc, tt.data)
		msg, err := readTag(read)
		if string(msg) != tt.want || !errors.Is(err, tt.err) || *pages != tt.reads {
			t.Errorf("%s: readTag = %.20q, %v after %d reads; want %.20q, %v after %d", tt.name, msg, err, *pages, tt.want, tt.err, tt.reads)
		}
	}
}

// However much of the memory has been read, the answer is the same, or the next
// byte that is needed.
func TestFindNDEFAtEveryByte(t *testing.T) {
	data := append([]byte{tlvLockControl, 3, 0xA0, 0x0C, 0x34, tlvNull}, long(bytes.Repeat([]byte("x"), 300))...)
	for n := range len(data) + 1 {
		msg, need, err := findNDEF(data[:n])
		whole := n == len(data)
		if err != nil || whole != (need == 0) || whole != (len(msg) == 300) || need > len(data) || !whole && need <= n {
			t.Fatalf("findNDEF of %d of %d bytes = %d bytes, need %d, %v", n, len(data), len(msg), need, err)
		}
	}
}

func TestReadTagGivesTheReadersError(t *testing.T) {
	gone := errors.New("gone")
	for after := range 3 {
		read, pages := memory(ntag(0x12), pad([]byte{tlvNDEF, 100}, 144))
		_, err := readTag(func(page byte) ([]byte, error) {
			if *pages == after {
				return nil, gone
			}
			return read(page)
		})
		if !errors.Is(err, gone) {
			t.Errorf("readTag = %v after %d reads, want what the reader said", err, after)
		}
	}
}

func FuzzReadTag(f *testing.F) {
	f.Add(ntag(0x12), append([]byte{tlvNDEF, 5}, "hello"...))
	f.Add(ntag(0xFF), long(bytes.Repeat([]byte{0}, 300)))
	f.Add([]byte{0xE1, 0x10, 0x01, 0x00}, []byte{tlvMemControl})
	f.Fuzz(func(t *testing.T, cc, data []byte) {
		all := append(append([]byte{}, cc...), data...)
		reads := 0
		msg, err := readTag(func(page byte) ([]byte, error) {
			if reads++; reads > maxData/readBytes+1 {
				t.Fatalf("%d reads", reads)
			}
			block := make([]byte, readBytes)
			if at := (int(page) - ccPage) * pageBytes; at >= 0 && at < len(all) {
				copy(block, all[at:])
			}
			return block, nil
		})
		if err == nil && (len(msg) == 0 || len(msg) > maxData) {
			t.Errorf("readTag = %d bytes", len(msg))
		}
	})
}

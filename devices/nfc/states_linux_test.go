package nfc

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// row is a slot of pcscd's table.
func row(name string, changes, state uint32) []byte {
	b := make([]byte, stateBytes)
	copy(b, name)
	binary.NativeEndian.PutUint32(b[maxReaderName:], changes)
	binary.NativeEndian.PutUint32(b[maxReaderName+4:], state)
	return b
}

func TestReadStates(t *testing.T) {
	table := bytes.Join([][]byte{row("One 00 00", 7, cardPresent|0x10), row("", 9, cardPresent), row("Two\x1b[2J 01 00", 0, 2), row(strings.Repeat("x", 128), 1, 4)}, nil)
	got := readStates(append(table, "cut off"...))
	if len(got) != 2 || got[0] != (slot{"One 00 00", true, 7}) || got[1] != (slot{"Two?[2J 01 00", false, 0}) {
		t.Errorf("readStates = %+v", got)
	}
}

func FuzzReadStates(f *testing.F) {
	f.Add(row("One 00 00", 7, cardPresent))
	f.Add(append(row("Two 01 00", 0, 2), row("", 1, 4)...))
	f.Fuzz(func(t *testing.T, table []byte) {
		list := readStates(table)
		if len(list) > len(table)/stateBytes {
			t.Errorf("%d slots in %d bytes", len(list), len(table))
		}
		for _, s := range list {
			stable, unit := stableName(s.name)
			if !printable(s.name) || s.name == "" || len(s.name) >= maxReaderName || len(stable) > len(unit) || len(unit) > len(s.name) {
				t.Errorf("%q is %q of %q", s.name, stable, unit)
			}
		}
	})
}

package nfc

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAssembleUID(t *testing.T) {
	for _, tt := range []struct {
		name   string
		levels []string
		uid    string
		more   bool
		err    error
	}{
		{"four bytes", []string{"DEADBEEF22"}, "DEADBEEF", false, nil},
		{"first of two", []string{"8804A1B29F"}, "", true, nil},
		{"seven bytes", []string{"8804A1B29F", "C3D4E5F604"}, "04A1B2C3D4E5F6", false, nil},
		{"check byte", []string{"DEADBEEF23"}, "", false, errCheckByte},
		{"check byte of the second", []string{"8804A1B29F", "C3D4E5F603"}, "", false, errCheckByte},
		{"ten bytes", []string{"8804A1B29F", "8804A1B29F"}, "", false, errCascade},
		{"a level too many", []string{"DEADBEEF22", "C3D4E5F604"}, "", false, errCascade},
		{"short", []string{"DEADBEEF"}, "", false, errCheckByte},
		{"empty", []string{""}, "", false, errCheckByte},
		{"nothing yet", nil, "", true, nil},
	} {
		var levels [][]byte
		for _, l := range tt.levels {
			levels = append(levels, fromHex(t, l))
		}
		uid, more, err := assembleUID(levels...)
		if uidText(uid) != tt.uid || more != tt.more || err != tt.err {
			t.Errorf("%s: assembleUID = %X, %v, %v; want %s, %v, %v", tt.name, uid, more, err, tt.uid, tt.more, tt.err)
		}
	}
}

func TestRandomNumber(t *testing.T) {
	for uid, want := range map[string]bool{"08A1B2C3": true, "04A1B2C3": false, "08A1B2C3D4E5F6": false, "": false} {
		if got := isRandom(fromHex(t, uid)); got != want {
			t.Errorf("isRandom(%s) = %v", uid, got)
		}
	}
}

func TestCRC(t *testing.T) {
	// ISO/IEC 14443-3, annex B: 00 00 gives A0 1E, 12 34 gives 26 CF.
	for in, want := range map[string]string{"0000": "A01E", "1234": "26CF"} {
		got := withCRC(fromHex(t, in)...)
		if !bytes.Equal(got[2:], fromHex(t, want)) || !hasCRC(got) {
			t.Errorf("CRC of %s = %X, want %s", in, got[2:], want)
		}
		got[0] ^= 1
		if hasCRC(got) {
			t.Errorf("hasCRC takes %X", got)
		}
	}
}

func FuzzAssembleUID(f *testing.F) {
	f.Add([]byte{0x88, 4, 0xA1, 0xB2, 0x9F}, []byte{0xC3, 0xD4, 0xE5, 0xF6, 4})
	f.Add([]byte{0xDE, 0xAD, 0xBE, 0xEF, 0x22}, []byte{})
	f.Fuzz(func(t *testing.T, one, two []byte) {
		for _, levels := range [][][]byte{{one}, {one, two}, {one, two, two}} {
			uid, more, err := assembleUID(levels...)
			if err == nil && !more && len(uid) != 4 && len(uid) != 7 {
				t.Errorf("assembleUID(%X) = %X", levels, uid)
			}
		}
	})
}

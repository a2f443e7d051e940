package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// The summary information of an MSI is a property set of a compound file
// ([MS-OLEPS] 2.21), in which the tools write a random package code and the time
// of the build, and have no option to do otherwise.
const (
	propertyRevision = 9  // the package code
	propertyCreated  = 12 // and 13, last saved
	propertySaved    = 13
	typeString       = 30
	typeFileTime     = 64
)

// formatOf is FMTID_SummaryInformation as it lies in a file.
func formatOf() []byte {
	return []byte{0xe0, 0x85, 0x9f, 0xf2, 0xf9, 0x4f, 0x68, 0x10, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9}
}

// fixSummary puts a package code and a time into an MSI in place.
func fixSummary(path, code string, made time.Time) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := setSummary(text, code, made); err != nil {
		return fmt.Errorf("summary of %s: %w", path, err)
	}
	return os.WriteFile(path, text, 0o644)
}

// setSummary changes the three values in the bytes of a file. The stream is shorter
// than one sector and lies in one piece, since it is written at once; where that is
// not so, a value is out of place and it says so.
func setSummary(text []byte, code string, made time.Time) error {
	at := bytes.Index(text, formatOf())
	if at < 28 || binary.LittleEndian.Uint16(text[at-28:]) != 0xfffe || bytes.Contains(text[at+16:], formatOf()) {
		return errors.New("there is not one property set")
	}
	word := func(b []byte, at int) (int, error) {
		if at < 0 || at+4 > len(b) {
			return 0, errors.New("it ends too early")
		}
		return int(binary.LittleEndian.Uint32(b[at:])), nil
	}
	offset, err := word(text, at+16)
	if err != nil {
		return err
	}
	start := at - 28 + offset
	size, err := word(text, start)
	if err != nil || size > 4096 || start+size > len(text) {
		return errors.New("its section ends too early")
	}
	section := text[start : start+size]
	count, err := word(section, 4)
	if err != nil {
		return err
	}
	set := 0
	for i := range count {
		id, err := word(section, 8+8*i)
		if err != nil {
			return err
		}
		if id != propertyRevision && id != propertyCreated && id != propertySaved {
			continue
		}
		value, err := word(section, 12+8*i)
		if err != nil {
			return err
		}
		kind, err := word(section, value)
		if err != nil {
			return err
		}
		switch {
		case id == propertyRevision && kind == typeString:
			n, err := word(section, value+4)
			if err != nil || n != len(code)+1 || value+8+n > len(section) || section[value+8] != '{' {
				return errors.New("its package code is out of place")
			}
			copy(section[value+8:], code)
		case id != propertyRevision && kind == typeFileTime && value+12 <= len(section):
			binary.LittleEndian.PutUint64(section[value+4:], fileTime(made))
		default:
			return fmt.Errorf("its property %d is of type %d", id, kind)
		}
		set++
	}
	if set != 3 {
		return fmt.Errorf("it has %d of the 3 values that change", set)
	}
	return nil
}

// fileTime counts 100 ns since 1601.
func fileTime(t time.Time) uint64 { return uint64(t.Unix()+11_644_473_600) * 10_000_000 }

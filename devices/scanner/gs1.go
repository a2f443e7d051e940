package scanner

import "bytes"

// fnc1 is how scanners send the separator FNC1 of GS1 codes.
const fnc1 = 0x1d

// carriesGS1 reports whether the symbology is one that holds GS1 element
// strings: GS1-128, GS1 DataBar and composites, GS1 DataMatrix, GS1 QR, GS1
// DotCode (GS1 General Specifications, symbology identifiers).
func carriesGS1(symbology string) bool {
	switch symbology {
	case "C1", "e0", "e1", "e2", "d2", "Q3", "J1":
		return true
	}
	return false
}

// isElementString reports whether scan is made of application identifiers and
// their values, as far as telling GS1 from everything else needs it: known
// first digits of identifiers, the predefined lengths, and the characters and
// the length that a value may have. What the values mean is not looked at.
func isElementString(scan []byte) bool {
	rest := bytes.TrimPrefix(scan, []byte{fnc1})
	if len(rest) == 0 {
		return false
	}
	for len(rest) > 0 {
		id := identifierDigits(rest)
		if id == 0 || leadingDigits(rest) < id {
			return false
		}
		if n := predefinedLength(rest); n > 0 {
			if len(rest) < n || leadingDigits(rest[:n]) != n {
				return false
			}
			rest = bytes.TrimPrefix(rest[n:], []byte{fnc1}) // allowed, not needed
			continue
		}
		value, after, _ := bytes.Cut(rest[id:], []byte{fnc1})
		if len(value) == 0 || len(value) > 90 || !isElementText(value) {
			return false
		}
		rest = after
	}
	return true
}

// identifierDigits is how many digits the application identifier in front has,
// by its first two; 0 when there is none that begins so.
func identifierDigits(b []byte) int {
	switch n := firstTwo(b); {
	case n < 0:
		return 0
	case n <= 4, 10 <= n && n <= 22, n == 30, n == 37, 90 <= n:
		return 2
	case 23 <= n && n <= 25, 40 <= n && n <= 42, n == 71:
		return 3
	case 31 <= n && n <= 36, n == 39, n == 43, n == 70, n == 72, 80 <= n && n <= 82:
		return 4
	}
	return 0
}

// predefinedLength is the length of identifier and value together where it is
// fixed and no separator follows; 0 elsewhere.
func predefinedLength(b []byte) int {
	switch n := firstTwo(b); {
	case n == 0:
		return 20
	case n >= 1 && n <= 3, n == 41:
		return 16
	case n == 4:
		return 18
	case 11 <= n && n <= 19:
		return 8
	case n == 20:
		return 4
	case 31 <= n && n <= 36:
		return 10
	}
	return 0
}

func firstTwo(b []byte) int {
	if len(b) < 2 || !isDigit(b[0]) || !isDigit(b[1]) {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

// isElementText reports whether every byte is of the 82 characters that values
// are made of (ISO/IEC 646 without # $ @ [ \ ] ^ ` { | } ~ and the space), or
// of the 39 for numbers of components, which add only # to them.
func isElementText(value []byte) bool {
	for _, c := range value {
		if c <= ' ' || c > 'z' || bytes.IndexByte([]byte("$@[\\]^`"), c) >= 0 {
			return false
		}
	}
	return true
}

package keyring_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// forms are the ways in which bytes may come out by accident.
func forms(b []byte) map[string][]byte {
	numbers := strings.Trim(fmt.Sprint(b), "[]")
	return map[string][]byte{
		"bytes":   b,
		"hex":     []byte(hex.EncodeToString(b)),
		"HEX":     []byte(strings.ToUpper(hex.EncodeToString(b))),
		"base64":  []byte(base64.RawStdEncoding.EncodeToString(b)),
		"numbers": []byte(numbers),
		"quoted":  []byte(strings.Trim(fmt.Sprintf("%q", b), `"`)),
	}
}

// resum gives an edited copy of the keyring a fitting checksum.
func resum(b []byte) []byte {
	b = b[:len(b)-sha256.Size]
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

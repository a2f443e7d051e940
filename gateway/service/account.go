package service

import (
	"crypto/sha1" // the algorithm by which Windows makes these ids; it protects nothing
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// VirtualAccount is whom the service runs as on Windows: an account without a
// password that exists while the service does.
const VirtualAccount = `NT SERVICE\` + Name

// virtualSID gives the security id of a service's virtual account, which Windows
// derives from the service's name, so that it can be named before the service
// exists: S-1-5-80 and the SHA-1 of the upper-case name in UTF-16LE, as five
// numbers of 32 bits.
func virtualSID(service string) string {
	var name []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(service))) {
		name = binary.LittleEndian.AppendUint16(name, u)
	}
	sum := sha1.Sum(name)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}

package nfc

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"clinicgate/devices"
)

// Config describes one reader.
type Config struct {
	ID devices.ID
	// Port is one of
	//
	//	pcsc:             the only reader of the system's smart card service
	//	pcsc:ACS ACR122U  the reader of this name, without the numbers at its end
	//	spi:SPI0.0        an MFRC522 on this SPI bus and chip select
	Port     string
	Disabled bool // configured, and not to be used

	// Reset is the GPIO line at an MFRC522's reset input, such as GPIO25.
	Reset string
	// Socket is where pcscd listens; empty means where it does by default. Linux only.
	Socket string
	// Codes are what a text on a tag may begin with to be handed on.
	Codes []string
}

// maxReaderName is the bound of PC/SC lite, its closing zero included.
const maxReaderName = 128

var (
	spiName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)
	lineName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)
)

// Validate names every field that is wrong, and what is allowed.
func (c Config) Validate() error {
	var errs []error
	bad := func(field string, value any, allowed string) {
		errs = append(errs, fmt.Errorf("%s = %q: %s", field, fmt.Sprint(value), allowed))
	}
	if !c.ID.Valid() {
		bad("id", c.ID, "1 to 40 lower-case letters, digits and inner hyphens")
	}
	scheme, name, _ := strings.Cut(c.Port, ":")
	switch {
	case strings.HasPrefix(c.Port, "pcsc:"):
		if len(name) >= maxReaderName || !printable(name) {
			bad("port", c.Port, "pcsc: and a reader's name of at most 127 printable characters")
		}
		if c.Reset != "" {
			bad("reset", c.Reset, "only an spi: reader has a reset line")
		}
	case scheme == "spi" && spiName.MatchString(name):
		if !lineName.MatchString(c.Reset) {
			bad("reset", c.Reset, "the GPIO line at the reader's reset input, such as GPIO25")
		}
		if c.Socket != "" {
			bad("socket", c.Socket, "only a pcsc: reader has one")
		}
	default:
		bad("port", c.Port, "pcsc:, pcsc:READER NAME or spi:SPI0.0")
	}
	if c.Socket != "" && (!strings.HasPrefix(c.Socket, "/") || len(c.Socket) > 100) {
		bad("socket", c.Socket, "an absolute path of at most 100 bytes")
	}
	return errors.Join(errs...)
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// open opens the reader and gives what it is called at the moment. The error is a
// *devices.Fault.
func (c Config) open() (r reader, where string, err error) {
	scheme, name, _ := strings.Cut(c.Port, ":")
	if scheme == "spi" {
		return openMFRC522(name, c.Reset)
	}
	return openPCSC(name, c.Socket)
}

package nfc

import (
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// maxRecords bounds the records of one message; a tag of ours has one.
const maxRecords = 16

// recordKind is what a record holds.
type recordKind byte

const (
	otherRecord recordKind = iota
	textRecord
	uriRecord
)

// record is one record of an NDEF message.
type record struct {
	kind recordKind
	text string // of a text or a URI
}

var (
	errRecord  = errors.New("the NDEF message is damaged")
	errChunked = errors.New("the NDEF message is in chunks")
	errRecords = errors.New("the NDEF message has too many records")
)

// Bits of a record's first byte and its lowest three, the type name format (NFC
// Data Exchange Format 1.0, 3.2).
const (
	messageBegin = 0x80
	messageEnd   = 0x40
	chunkFlag    = 0x20
	shortRecord  = 0x10
	idLength     = 0x08
	typeFormat   = 0x07

	formatEmpty     = 0
	formatWellKnown = 1
	formatUnchanged = 6 // a later chunk
)

// parseNDEF reads a message. What its records hold is data, never followed. A
// record in chunks is refused: nothing that a tag holds is so long.
func parseNDEF(msg []byte) ([]record, error) {
	var list []record
	for first := true; ; first = false {
		if len(msg) < 3 {
			return nil, errRecord
		}
		flags, typeLen := msg[0], int(msg[1])
		switch {
		case flags&messageBegin != 0 != first:
			return nil, errRecord
		case flags&chunkFlag != 0 || flags&typeFormat == formatUnchanged:
			return nil, errChunked
		case flags&typeFormat > formatUnchanged:
			return nil, errRecord
		}
		msg = msg[2:]
		var payloadLen, idLen uint64
		if flags&shortRecord != 0 {
			payloadLen, msg = uint64(msg[0]), msg[1:]
		} else if len(msg) >= 4 {
			payloadLen, msg = uint64(binary.BigEndian.Uint32(msg)), msg[4:]
		} else {
			return nil, errRecord
		}
		if flags&idLength != 0 {
			if len(msg) == 0 {
				return nil, errRecord
			}
			idLen, msg = uint64(msg[0]), msg[1:]
		}
		if uint64(typeLen)+idLen+payloadLen > uint64(len(msg)) {
			return nil, errRecord
		}
		name := string(msg[:typeLen])
		payload := msg[uint64(typeLen)+idLen:][:payloadLen]
		msg = msg[uint64(typeLen)+idLen+payloadLen:]
		format := flags & typeFormat
		if format == formatEmpty && (typeLen != 0 || idLen != 0 || payloadLen != 0) {
			return nil, errRecord
		}
		if len(list) == maxRecords {
			return nil, errRecords
		}
		r, err := readRecord(format, name, payload)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
		if flags&messageEnd != 0 {
			if len(msg) != 0 {
				return nil, errRecord
			}
			return list, nil
		}
	}
}

func readRecord(format byte, name string, payload []byte) (record, error) {
	if format != formatWellKnown {
		return record{}, nil
	}
	switch name {
	case "T":
		text, err := readText(payload)
		return record{textRecord, text}, err
	case "U":
		uri, err := readURI(payload)
		return record{uriRecord, uri}, err
	}
	return record{}, nil
}

// readText reads a text record (Text Record Type Definition 1.0): a status byte
// with the length of the language tag and the encoding, the tag, the text.
func readText(payload []byte) (string, error) {
	if len(payload) == 0 {
		return "", errRecord
	}
	status := payload[0]
	language := int(status & 0x3f)
	if 1+language > len(payload) {
		return "", errRecord
	}
	text := payload[1+language:]
	if status&0x80 == 0 {
		if !utf8.Valid(text) {
			return "", errRecord
		}
		return string(text), nil
	}
	if len(text)%2 != 0 {
		return "", errRecord
	}
	var order binary.ByteOrder = binary.BigEndian // as the definition says where there is no mark
	switch {
	case len(text) >= 2 && text[0] == 0xff && text[1] == 0xfe:
		order, text = binary.LittleEndian, text[2:]
	case len(text) >= 2 && text[0] == 0xfe && text[1] == 0xff:
		text = text[2:]
	}
	units := make([]uint16, 0, len(text)/2)
	for i := 0; i < len(text); i += 2 {
		units = append(units, order.Uint16(text[i:]))
	}
	return string(utf16.Decode(units)), nil
}

// readURI reads a URI record (URI Record Type Definition 1.0): a code for the
// beginning, and the rest.
func readURI(payload []byte) (string, error) {
	if len(payload) == 0 || !utf8.Valid(payload[1:]) {
		return "", errRecord
	}
	prefixes := uriPrefixes()
	if int(payload[0]) >= len(prefixes) {
		return "", errRecord // reserved
	}
	return prefixes[payload[0]] + string(payload[1:]), nil
}

// uriPrefixes is table 3 of the definition, by code.
func uriPrefixes() []string {
	return []string{
		"", "http://www.", "https://www.", "http://", "https://", "tel:", "mailto:", "ftp://anonymous:anonymous@",
		"ftp://ftp.", "ftps://", "sftp://", "smb://", "nfs://", "ftp://", "dav://", "news:",
		"telnet://", "imap:", "rtsp://", "urn:", "pop:", "sip:", "sips:", "tftp:",
		"btspp://", "btl2cap://", "btgoep://", "tcpobex://", "irdaobex://", "file://", "urn:epc:id:", "urn:epc:tag:",
		"urn:epc:pat:", "urn:epc:raw:", "urn:epc:", "urn:nfc:",
	}
}

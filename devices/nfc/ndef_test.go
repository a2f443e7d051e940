package nfc

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func text(s string) []byte { return append([]byte{0xD1, 1, byte(3 + len(s)), 'T', 2, 'e', 'n'}, s...) }

func TestParseNDEF(t *testing.T) {
	utf16 := func(status byte, b ...byte) []byte {
		return append([]byte{0xD1, 1, byte(3 + len(b)), 'T', status, 'e', 'n'}, b...)
	}
	tests := []struct {
		name string
		msg  []byte
		want []record
		err  error
	}{
		{"text", text("CHK1:ABC"), []record{{textRecord, "CHK1:ABC"}}, nil},
		{"empty text", text(""), []record{{textRecord, ""}}, nil},
		{"text without a language", []byte{0xD1, 1, 2, 'T', 0, 'x'}, []record{{textRecord, "x"}}, nil},
		{"UTF-16", utf16(0x82, 0, 'h', 0, 'i'), []record{{textRecord, "hi"}}, nil},
		{"UTF-16 little end first", utf16(0x82, 0xFF, 0xFE, 'h', 0, 'i', 0), []record{{textRecord, "hi"}}, nil},
		{"UTF-16 with a mark", utf16(0x82, 0xFE, 0xFF, 0, 'h', 0, 'i'), []record{{textRecord, "hi"}}, nil},
		{"half a UTF-16", utf16(0x82, 0, 'h', 0), nil, errRecord},
		{"no UTF-8", text("\xff"), nil, errRecord},
		{"language longer than the text", []byte{0xD1, 1, 2, 'T', 0x3F, 'x'}, nil, errRecord},
		{"no status", []byte{0xD1, 1, 0, 'T'}, nil, errRecord},

		{"URI", []byte{0xD1, 1, 4, 'U', 4, 'a', '.', 'b'}, []record{{uriRecord, "https://a.b"}}, nil},
		{"URI without prefix", []byte{0xD1, 1, 2, 'U', 0, 'x'}, []record{{uriRecord, "x"}}, nil},
		{"telephone", []byte{0xD1, 1, 2, 'U', 5, '1'}, []record{{uriRecord, "tel:1"}}, nil},
		{"the last prefix", []byte{0xD1, 1, 2, 'U', 0x23, 'x'}, []record{{uriRecord, "urn:nfc:x"}}, nil},
		{"a reserved prefix", []byte{0xD1, 1, 2, 'U', 0x24, 'x'}, nil, errRecord},
		{"an empty URI record", []byte{0xD1, 1, 0, 'U'}, nil, errRecord},

		{"a long record", append([]byte{0xC1, 1, 0, 0, 1, 0x2F, 'T', 2, 'e', 'n'}, strings.Repeat("x", 300)...), []record{{textRecord, strings.Repeat("x", 300)}}, nil},
		{"with an id", append([]byte{0xD9, 1, 4, 2, 'T', 'i', 'd', 2, 'e', 'n'}, 'x'), []record{{textRecord, "x"}}, nil},
		{"two records", append([]byte{0x91, 1, 2, 'U', 4, 'a', 0x51, 1, 4, 'T', 2, 'e', 'n'}, 'x'), []record{{uriRecord, "https://a"}, {textRecord, "x"}}, nil},
		{"an empty record", []byte{0xD0, 0, 0}, []record{{}}, nil},
		{"an empty record with content", []byte{0xD0, 0, 1, 'x'}, nil, errRecord},
		{"another kind", append([]byte{0xD2, 10, 2}, "text/plainhi"...), []record{{}}, nil},
		{"another well-known type", []byte{0xD1, 2, 1, 'S', 'p', 0}, []record{{}}, nil},

		{"chunked", []byte{0xF1, 1, 1, 'T', 0}, nil, errChunked},
		{"a later chunk", []byte{0xD6, 0, 1, 'x'}, nil, errChunked},
		{"a reserved format", []byte{0xD7, 0, 1, 'x'}, nil, errRecord},
		{"no begin", []byte{0x51, 1, 1, 'T', 0}, nil, errRecord},
		{"no end", []byte{0x91, 1, 1, 'T', 0}, nil, errRecord},
		{"two begins", []byte{0x91, 1, 1, 'T', 0, 0xD1, 1, 1, 'T', 0}, nil, errRecord},
		{"more behind the end", append(text("x"), 0), nil, errRecord},
		{"a length that overflows", []byte{0xC1, 1, 0xFF, 0xFF, 0xFF, 0xFF, 'T'}, nil, errRecord},
		{"too many", append(append([]byte{0x90, 0, 0}, bytes.Repeat([]byte{0x10, 0, 0}, maxRecords)...), 0x50, 0, 0), nil, errRecords},
	}
	for _, tt := range tests {
		got, err := parseNDEF(tt.msg)
		if !slices.Equal(got, tt.want) || !errors.Is(err, tt.err) {
			t.Errorf("%s: parseNDEF = %q, %v; want %q, %v", tt.name, got, err, tt.want, tt.err)
		}
		if tt.err == nil {
			for n := range tt.msg { // cut off anywhere it is no message
				if got, err := parseNDEF(tt.msg[:n]); err == nil {
					t.Errorf("%s: parseNDEF of %d bytes = %q", tt.name, n, got)
				}
			}
		}
	}
}

func FuzzParseNDEF(f *testing.F) {
	f.Add(text("CHK1:ABC"))
	f.Add([]byte{0x91, 1, 2, 'U', 4, 'a', 0x51, 1, 4, 'T', 0x82, 'e', 'n', 0})
	f.Add([]byte{0xC9, 1, 0, 0, 0, 1, 2, 'T', 'i', 'd', 0})
	f.Fuzz(func(t *testing.T, msg []byte) {
		list, err := parseNDEF(msg)
		if err != nil && list != nil || len(list) > maxRecords {
			t.Errorf("parseNDEF(%X) = %q, %v", msg, list, err)
		}
		for _, r := range list {
			if len(r.text) > 3*len(msg)+32 {
				t.Errorf("parseNDEF(%X) makes %d bytes of %d", msg, len(r.text), len(msg))
			}
		}
	})
}

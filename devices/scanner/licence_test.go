package scanner_test

import (
	"bytes"
	"testing"
	"time"

	"clinicgate/devices/aamva"
	"clinicgate/devices/aamva/aamvatest"
	"clinicgate/devices/scanner"
)

// TestFramingOfLicences: a licence is one scan, whatever a keyboard made of the
// controls in its header and wherever the bytes are cut, and it can be read.
func TestFramingOfLicences(t *testing.T) {
	whole := aamvatest.Marlow(8)
	list := []aamvatest.Damage{{Name: "whole", Do: func(b []byte) []byte { return b }}}
	for _, d := range append(list, aamvatest.Keyboards()...) {
		raw := bytes.TrimLeft(bytes.TrimPrefix(d.Do(whole.Bytes()), []byte("\ufeff")), " ")
		for _, suffix := range []string{"", "\r", "\n", "\r\n"} {
			for cut := range raw {
				f := scanner.NewFramer(scanner.Framing{Suffix: suffix, IdleGap: time.Millisecond, MaxLength: 4096})
				var kinds []scanner.Kind
				var card aamva.Card
				emit := func(frame scanner.Frame) {
					kinds = append(kinds, scanner.Classify(frame.Data, frame.Symbology))
					card, _ = aamva.Parse(frame.Data)
				}
				f.Feed(raw[:cut], emit)
				f.Feed(raw[cut:], emit)
				f.Feed([]byte(suffix), emit)
				f.Gap(emit)
				if suffix == "\r\n" && len(kinds) != 1 {
					break // where CR LF ends a scan, it ends one inside as well
				}
				if len(kinds) != 1 || kinds[0] != scanner.Licence || card.Birth.Reveal() != whole.Birth || card.Family.Reveal() != whole.Family {
					t.Fatalf("%s, suffix %q, cut at %d: %v, born %s", d.Name, suffix, cut, kinds, card.Birth.Reveal())
				}
			}
		}
	}
}

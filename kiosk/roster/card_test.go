package roster_test

import (
	"testing"

	"clinicgate/kiosk/roster"
)

func TestReadCard(t *testing.T) {
	for in, want := range map[string]string{
		"04:a1:b2:c3:d4:e5:f6": "04A1B2C3D4E5F6", "DE AD BE EF": "DEADBEEF", "de-ad-be-ef": "DEADBEEF", "E004015012345678": "E004015012345678",
		"08A1B2C3D4E5F6": "08A1B2C3D4E5F6", "00112233445566778899": "00112233445566778899",
		"08A1B2C3": "", "": "", "DEADBEE": "", "DEADBEEF0": "", "DEADBEEG": "", "4275878552": "", "ＤＥＡＤＢＥＥＦ": "",
	} {
		if got, ok := roster.ReadCard(in); ok != (want != "") || ok && got != want {
			t.Errorf("ReadCard(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

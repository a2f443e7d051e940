package devices_test

import (
	"strings"
	"testing"

	"clinicgate/devices"
)

func TestParseIdentity(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want devices.Identity
	}{
		{"usb:05e0:1701:S/N 12:3", devices.Identity{VendorID: 0x05e0, ProductID: 0x1701, Serial: "S/N 12:3"}},
		{"usb:05e0:1701", devices.Identity{VendorID: 0x05e0, ProductID: 0x1701}},
		{"usb:05e0:1701@1-1.4", devices.Identity{VendorID: 0x05e0, ProductID: 0x1701, USBPort: "1-1.4"}},
		{"/dev/serial/by-id/usb-X-if00", devices.Identity{Path: "/dev/serial/by-id/usb-X-if00"}},
		{"COM12", devices.Identity{Path: "COM12"}},
	} {
		got, err := devices.ParseIdentity(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("ParseIdentity(%q) = %+v, %v, want %+v", tt.in, got, err, tt.want)
		}
		if got.String() != tt.in {
			t.Errorf("ParseIdentity(%q).String() = %q", tt.in, got)
		}
	}
	if got, err := devices.ParseIdentity("com3"); err != nil || got.Path != "COM3" {
		t.Errorf("ParseIdentity(com3) = %+v, %v", got, err)
	}
	for _, in := range []string{
		"", "COM0", "COM", "COM1000", "ttyUSB0", "dev/ttyUSB0", "/dev/../etc/passwd", "/dev/tty\x00S0",
		"usb:", "usb:5e0:1701", "usb:05e0", "usb:05e0:170", "usb:05e0:17011", "usb:05g0:1701", "usb:05e0:170g",
		"usb:05e0:1701:", "usb:05e0:1701@", "usb:05e0:1701@1", "usb:05e0:1701@../..", "usb:05e0:1701:a\nb",
		"usb:+5e0:1701", "usb:05e0:1701:" + strings.Repeat("x", 127),
	} {
		if got, err := devices.ParseIdentity(in); err == nil {
			t.Errorf("ParseIdentity(%q) = %+v, want an error", in, got)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	for _, s := range []string{"usb:05e0:1701:S", "usb:05e0:1701@1-1.4", "/dev/ttyS0", "COM3", "usb:05e0:1701:@:", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := devices.ParseIdentity(s)
		if err != nil {
			return
		}
		again, err := devices.ParseIdentity(id.String())
		if err != nil || again != id {
			t.Errorf("ParseIdentity(%q) = %+v, but its text %q gives %+v, %v", s, id, id, again, err)
		}
	})
}

func TestID(t *testing.T) {
	for id, want := range map[devices.ID]bool{
		"front-scanner": true, "a": true, "2": true, devices.ID(strings.Repeat("a", 40)): true,
		"": false, "-a": false, "a-": false, "A": false, "a b": false, "a/b": false, "+": false, "#": false,
		devices.ID(strings.Repeat("a", 41)): false,
	} {
		if id.Valid() != want {
			t.Errorf("ID(%q).Valid() = %v, want %v", id, !want, want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	key, value := []byte("key"), []byte("value")
	a := devices.Fingerprint(key, devices.Scanner, value)
	if len(a) != 32 || a != devices.Fingerprint(key, devices.Scanner, value) {
		t.Errorf("Fingerprint = %q, want 32 hex digits, the same each time", a)
	}
	for _, other := range []string{
		devices.Fingerprint([]byte("kez"), devices.Scanner, value),
		devices.Fingerprint(key, devices.NFC, value),
		devices.Fingerprint(key, devices.Scanner, []byte("valuf")),
	} {
		if other == a {
			t.Error("Fingerprint is the same for another key, class or value")
		}
	}
	if got := devices.Fingerprint(nil, devices.Scanner, value); got != "" {
		t.Errorf("Fingerprint without a key = %q, want none: it could be guessed back", got)
	}
}

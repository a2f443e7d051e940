package nfc_test

import (
	"log/slog"
	"strings"
	"testing"

	"clinicgate/devices"
	"clinicgate/devices/nfc"
)

func TestConfig(t *testing.T) {
	for _, good := range []nfc.Config{
		{ID: "card", Port: "pcsc:"},
		{ID: "card", Port: "pcsc:ACS ACR122U PICC Interface", Socket: "/run/pcscd/pcscd.comm"},
		{ID: "card", Port: "spi:SPI0.0", Reset: "GPIO25"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("Validate of %+v = %v", good, err)
		}
	}
	for _, tt := range []struct {
		want string
		cfg  nfc.Config
	}{
		{"id", nfc.Config{ID: "Card", Port: "pcsc:"}},
		{"port", nfc.Config{ID: "card", Port: ""}},
		{"port", nfc.Config{ID: "card", Port: "pcsc"}},
		{"port", nfc.Config{ID: "card", Port: "usb:072f:2200"}},
		{"port", nfc.Config{ID: "card", Port: "pcsc:" + strings.Repeat("x", 128)}},
		{"port", nfc.Config{ID: "card", Port: "pcsc:a\x1b[2J"}},
		{"port", nfc.Config{ID: "card", Port: "spi:", Reset: "GPIO25"}},
		{"reset", nfc.Config{ID: "card", Port: "spi:SPI0.0"}},
		{"reset", nfc.Config{ID: "card", Port: "pcsc:", Reset: "GPIO25"}},
		{"socket", nfc.Config{ID: "card", Port: "pcsc:", Socket: "run/pcscd.comm"}},
		{"socket", nfc.Config{ID: "card", Port: "spi:SPI0.0", Reset: "GPIO25", Socket: "/run/pcscd.comm"}},
	} {
		if err := tt.cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), tt.want+" =") {
			t.Errorf("Validate of %+v = %v, want a complaint about %s", tt.cfg, err, tt.want)
		}
		if _, err := nfc.New(tt.cfg, devices.Deps{Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("New takes %+v", tt.cfg)
		}
	}
}

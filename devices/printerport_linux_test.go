package devices

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUSBPrinterIsFound(t *testing.T) {
	u := newUSBTree(t)
	unit := filepath.Join(u.sys, "devices", "pci0000:00", "usb1", "1-3")
	home := filepath.Join(unit, "1-3:1.0", "usbmisc", "lp7")
	class := filepath.Join(u.sys, "class", "usbmisc")
	for _, dir := range []string{home, class, filepath.Join(u.dev, "usb")} {
		u.must(os.MkdirAll(dir, 0o755))
	}
	for name, value := range map[string]string{"idVendor": "04b8", "idProduct": "0e15", "serial": "S1", "product": "TM"} {
		u.must(os.WriteFile(filepath.Join(unit, name), []byte(value+"\n"), 0o644))
	}
	u.must(os.Symlink("../../devices/pci0000:00/usb1/1-3/1-3:1.0/usbmisc/lp7", filepath.Join(class, "lp7")))
	u.must(os.Symlink("/dev/null", filepath.Join(u.dev, "usb", "lp7")))
	for text, want := range map[string]string{"usb:04b8:0e15": "/dev/null", "usb:04b8:0e15:S1": "/dev/null", "usb:04b8:0e15@1-3": "/dev/null", "usb:04b8:0e16": ""} {
		id, err := ParseIdentity(text)
		u.must(err)
		got, err := id.among(printerPorts(u.sys, u.dev))
		if got.Name != want || err == nil && got.Product != "TM" || (err == nil) != (want != "") {
			t.Errorf("%s: %+v, %v, want %q", text, got, err, want)
		}
	}
	if got := printerPorts(filepath.Join(u.sys, "none"), u.dev); len(got) != 0 {
		t.Errorf("without a printer: %+v", got)
	}
}

package gateway_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "clinicgate"

// A rule says which of our folders may import a package, and why.
type rule struct {
	imported string   // import path of a package and everything below it
	only     []string // our folders that may; a trailing "_test" means their tests only
	because  string
}

// outside lists the packages that only one place may know.
var outside = []rule{
	{"github.com/pubnub/go", []string{"gateway/pubnub"},
		"the PubNub SDK has traps (it logs, retries, and panics on foreign input) that one package fences"},
	{"github.com/eclipse/paho.mqtt.golang", []string{"gateway/bridge"}, "MQTT is spoken in one place"},
	{"github.com/mochi-mqtt/server", []string{"gateway/bridge"}, "MQTT is spoken in one place"},
	{"go.etcd.io/bbolt", []string{"storage", "gateway_test", "cmd_test"}, "only the store opens its file"},
	{"github.com/spf13/cobra", []string{"cmd"}, "commands are parsed in cmd; the rest must be usable without a command line"},
	{"github.com/Microsoft/go-winio", []string{"gateway/control"}, "the named pipe belongs to the control channel"},
	{"github.com/kardianos/service", []string{"gateway/service"}, "the operating system's service manager is spoken to in one place"},
	{"clinicgate/packaging/machinetest", []string{"cmd_test", "gateway_test", "packaging_test", "devices_test"}, "test tools are for tests"},
	{"html/template", []string{"kiosk_test"}, "it looks methods up by name, which makes the program 3.5 MB larger: pages are made by kiosk/web/markup"},
	{"text/template", []string{"kiosk/web/markup"}, "likewise, but for its parser; what of it is linked, cmd/clinicgate tests"},
	{"clinicgate/gateway/pubnub/emulator", []string{"cmd/clinicgate-demo", "gateway_test", "cmd_test", "packaging_test"},
		"the emulator is a double: it must never be linked into clinicgate"},
	{"clinicgate/devices/aamva/aamvatest", []string{"devices_test", "gateway_test", "cmd_test", "cmd/clinicgate-demo"}, "licences of people who do not exist are for tests and the demo"},
	{"clinicgate/storage/storagetest", []string{"storage_test", "kiosk_test", "gateway_test", "cmd_test"},
		"test tools are for tests"},
}

// layers lists, for each of our top folders, what of ours it may import.
var layers = []struct {
	folder  string
	may     []string
	because string
}{
	{"kiosk/phi", nil, "kiosk/phi is a leaf that anyone may import"},
	{"storage", []string{"storage", "kiosk/phi"}, "the store knows streams, not patients"},
	{"devices/vm", []string{"packaging/machinetest"}, "it boots a machine and knows nothing of the tests that run in it"},
	{"devices", []string{"devices", "kiosk/phi"}, "devices know ports and frames, not patients"},
	{"kiosk", []string{"kiosk", "storage"}, "the clinic's rules know the store, not the network"},
	{"gateway/config", []string{"gateway/config", "devices", "storage", "gateway/upgrade/signature"}, "any part of the gateway may read the config, so it may depend on none; a release's public key is a value, and signature imports nothing of ours"},
	{"gateway/pubnub/emulator", []string{"gateway/pubnub/emulator"}, "the emulator is an independent double: what it shares with the product it cannot check"},
	{"gateway", []string{"gateway", "kiosk", "devices", "storage", "packaging/systemd", "packaging/udev", "packaging/polkit", "packaging/machinetest"}, "the gateway connects everything and is imported by cmd only"},
	{"cmd", []string{"cmd", "gateway", "kiosk", "devices", "storage", "packaging/machinetest"}, "commands sit on top"},
	{"packaging/systemd", nil, "it is the text of files"},
	{"packaging/udev", nil, "it is the text of files"},
	{"packaging/polkit", nil, "it is the text of files"},
	{"packaging/machinetest", nil, "it boots machines for tests and knows nothing of what runs in them"},
	{"packaging/build", []string{"gateway/upgrade/signature", "packaging/sbom", "storage"}, "it makes packages, and is not part of the product"},
	{"packaging/sbom", nil, "it reads a built program, and is not part of the product"},
	{"packaging/speech", []string{"gateway/config", "kiosk"}, "it reads what the page and the forms say, and is not part of the product"},
	{"packaging", []string{"packaging", "kiosk/web/webtest", "devices/simulator", "gateway/pubnub/emulator", "gateway/control", "gateway/upgrade/signature"}, "its tests install packages, sign them and come as patients; the product imports nothing of it"},
}

func within(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func allowed(folder string, isTest bool, list []string) bool {
	for _, l := range list {
		l, testOnly := strings.CutSuffix(l, "_test")
		if within(folder, l) && (isTest || !testOnly) {
			return true
		}
	}
	return false
}

// breaks gives the reason why a file in folder may not import name, or "".
func breaks(folder string, isTest bool, name string) string {
	for _, r := range outside {
		if !within(name, r.imported) {
			continue
		}
		if within(folder, strings.TrimPrefix(r.imported, module+"/")) || allowed(folder, isTest, r.only) {
			continue
		}
		return "only " + strings.Join(r.only, ", ") + " may: " + r.because
	}
	if within(folder, "gateway/pubnub/emulator") && !isTest && strings.HasPrefix(name, "github.com/pubnub/") {
		return "the emulator imports no SDK: it must not share the SDK's mistakes"
	}
	own, ok := strings.CutPrefix(name, module+"/")
	if !ok {
		return ""
	}
	for _, l := range layers {
		if !within(folder, l.folder) {
			continue
		}
		if allowed(own, false, l.may) || within(own, folder) || isTest && within(own, l.folder) {
			return ""
		}
		if isTest && l.folder == "gateway/pubnub/emulator" && within(own, "gateway/pubnub") {
			return "" // its tests may let the real client talk to it
		}
		may := "nothing"
		if len(l.may) > 0 {
			may = "only " + strings.Join(l.may, ", ")
		}
		return "of ours it may import " + may + ": " + l.because
	}
	return "no such folder in the house: cmd, gateway, kiosk, storage, devices"
}

// The arrows of the house: cmd -> gateway -> {kiosk, devices, storage},
// kiosk -> storage. Every Go file is looked at, for every target and tag.
func TestImports(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "bin" || base == "dist") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := breaks(path.Dir(relative), strings.HasSuffix(name, "_test.go"), imported); why != "" {
				t.Errorf("%s imports %s: %s", relative, imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("only %d files seen: the walk is broken", files)
	}
}

// The rules themselves, so that a typing mistake in a table cannot turn them off.
func TestImportRules(t *testing.T) {
	for _, c := range []struct {
		folder   string
		test     bool
		imported string
		ok       bool
	}{
		{"kiosk/queue", false, "clinicgate/storage", true},
		{"kiosk/queue", false, "clinicgate/gateway/config", false},
		{"storage", false, "clinicgate/kiosk", false},
		{"storage", false, "clinicgate/kiosk/phi", true},
		{"storage/seal", false, "clinicgate/storage", true},
		{"devices/scanner", false, "clinicgate/storage", false},
		{"kiosk/phi", false, "clinicgate/kiosk", false},
		{"gateway", false, "clinicgate/kiosk/web", true},
		{"gateway/uplink", false, "clinicgate/cmd/clinicgate", false},
		{"gateway/config", false, "clinicgate/kiosk", false},
		{"gateway/uplink", false, "github.com/pubnub/go/v7", false},
		{"gateway/pubnub", false, "github.com/pubnub/go/v7/crypto", true},
		{"gateway/pubnub/emulator", false, "github.com/pubnub/go/v7", false},
		{"gateway/pubnub/emulator", true, "github.com/pubnub/go/v7", true},
		{"gateway/pubnub/emulator", false, "clinicgate/kiosk", false},
		{"gateway", false, "clinicgate/gateway/pubnub/emulator", false},
		{"gateway", true, "clinicgate/gateway/pubnub/emulator", true},
		{"cmd/clinicgate", false, "clinicgate/gateway/pubnub/emulator", false},
		{"cmd/clinicgate", true, "clinicgate/gateway/pubnub/emulator", true},
		{"cmd/clinicgate-demo", false, "clinicgate/gateway/pubnub/emulator", true},
		{"gateway/bridge", false, "github.com/mochi-mqtt/server/v2", true},
		{"kiosk/web", false, "github.com/mochi-mqtt/server/v2", false},
		{"kiosk", false, "go.etcd.io/bbolt", false},
		{"storage", true, "go.etcd.io/bbolt", true},
		{"kiosk", true, "clinicgate/storage/storagetest", true},
		{"kiosk", false, "clinicgate/storage/storagetest", false},
		{"tools", false, "clinicgate/storage", false},
		{"kiosk/web", false, "html/template", false},
		{"kiosk/web", true, "html/template", true},
		{"kiosk/web/desk", false, "text/template", false},
		{"kiosk/web/markup", false, "text/template/parse", true},
		{"kiosk", false, "encoding/json", true},
	} {
		if why := breaks(c.folder, c.test, c.imported); (why == "") != c.ok {
			t.Errorf("breaks(%s, test %v, %s) = %q, want ok %v", c.folder, c.test, c.imported, why, c.ok)
		}
	}
}

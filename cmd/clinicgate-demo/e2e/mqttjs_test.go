//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const mqttJS = "mqtt@5.16.0"

// TestE2EMQTTJavaScript: devices written with MQTT.js, a library that has nothing in
// common with the gateway's, call for help and light up. A press that is replayed is
// acknowledged and is no second call; nobody reads everything or speaks for another.
func TestE2EMQTTJavaScript(t *testing.T) {
	t.Parallel()
	path, npm := node(t), tool(t, "npm", "npm")
	k := startKiosk(t, true, `
[[device]]
id = "door"
class = "button"
port = "mqtt:js-button"
[[device]]
id = "lamp"
class = "lamp"
port = "mqtt:js-lamp"
`)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, npm, "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", mqttJS).CombinedOutput(); err != nil {
		t.Fatalf("npm: %v\n%s", err, out)
	}
	script, err := filepath.Abs("testdata/room.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	room := exec.CommandContext(ctx, path, filepath.Join(dir, "room.mjs"), k.mqtt)
	out, err := room.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	var said struct {
		Told, Presses       []string
		Everything, Spoofed string
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("MQTT.js: %+v", said)
	if slices.ContainsFunc(said.Presses, func(s string) bool { return s != "done" }) || len(said.Presses) != 4 {
		t.Errorf("the presses ended as %q", said.Presses)
	}
	if !slices.Contains(said.Told, "fast-blink") {
		t.Errorf("the lamp was told %q", said.Told)
	}
	if said.Everything == "done" {
		t.Error("a device may read everything")
	}
	if said.Spoofed == "done" {
		t.Error("a device may speak for another")
	}
	if n := strings.Count(k.must("", "queue", "alarms"), "need-help"); n != 1 {
		t.Errorf("%d calls for help, want 1", n)
	}
	if list := k.must("", "devices", "list"); !strings.Contains(list, "battery at 64 %") {
		t.Errorf("the list does not know the battery:\n%s", list)
	}
}

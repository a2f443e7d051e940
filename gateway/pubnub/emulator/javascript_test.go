//go:build e2e

package emulator_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

// TestJavaScriptSDK runs the conformance script with the official JavaScript SDK.
// It needs node 20 or newer, and npm with a registry; the SDK is installed for the
// run only, as the lock file has it.
func TestJavaScriptSDK(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	dir := t.TempDir()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("this test needs %s: install node (20 or newer) and npm: %v", tool, err)
		}
	}
	for _, name := range []string{"package.json", "package-lock.json", "conformance.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "js", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.CommandContext(ctx, name, args...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		t.Logf("%s:\n%s", name, out)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	// without peer dependencies: they are for React Native
	run("npm", "ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund")

	open := newRig(t, emulator.Options{})
	run("node", "conformance.mjs", strings.TrimPrefix(open.url, "http://"))
	signed := newRig(t, emulator.Options{AccessManager: true})
	run("node", "conformance.mjs", strings.TrimPrefix(signed.url, "http://"), "sec-secret")
}

//go:build e2e && linux

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where everything hangs (the service takes connections and answers nothing, name
// servers and PubNub swallow what is sent) doctor ends within its minute all the same,
// and says that the service hangs.
func TestE2EDoctorBounded(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "clinicgate")
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, binary) // TestMain runs main under that name
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		c := exec.Command(binary, args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	config, socket := filepath.Join(dir, "c.toml"), filepath.Join(dir, "c.sock")
	run("config", "init", "--path", config, "--set", "kiosk.id=lobby-1", "--set", "kiosk.letter=A", "--set", "kiosk.site=main", "--set", "kiosk.organization=riverside", "--set", "kiosk.zone=Etc/UTC",
		"--set", "storage.dir="+filepath.Join(dir, "data"), "--set", "key_source.file="+filepath.Join(dir, "passphrase"), "--set", "control.path="+socket, "--set", "pubnub.publish_key=demo", "--set", "pubnub.subscribe_key=demo")
	run("keys", "init", "--generate", "--config", config)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(socket, 0o660); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	resolver := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(resolver, []byte("nameserver 10.66.0.53\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// What is sent goes to a neighbour who takes nothing of it.
	script := `mount --bind ` + resolver + ` "$(readlink -f /etc/resolv.conf)" && ip link set lo up && ip link add gone type veth peer name other && ip link set other up && ip addr add 10.66.0.2/24 dev gone && ip link set gone up && for n in 1 8 53; do ip neigh add 10.66.0.$n lladdr 02:00:00:00:00:01 dev gone; done && ip route add default via 10.66.0.1 && exec ` + binary + ` doctor --config ` + config
	for _, c := range []struct{ name, more string }{{"the service and the network hang", ""}, {"the proxy hangs", `proxy = "http://10.66.0.8:3128"`}} {
		t.Run(c.name, func(t *testing.T) {
			if c.more != "" {
				text, err := os.ReadFile(config)
				if err != nil {
					t.Fatal(err)
				}
				changed := strings.Replace(string(text), `proxy = ""`, c.more, 1)
				if changed == string(text) {
					t.Fatal("the config has no pubnub.proxy")
				}
				if err := os.WriteFile(config, []byte(changed), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			out, err := exec.Command("unshare", "--net", "--mount", "sh", "-c", script).CombinedOutput()
			took := time.Since(began)
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitFound || !strings.Contains(string(out), "svc-running: the service hangs") || !strings.Contains(string(out), "net-") {
				t.Errorf("%v:\n%s", err, out)
			}
			if took > time.Minute { // what is promised, not a measure of this machine
				t.Errorf("it took %v", took)
			}
			t.Logf("took %v\n%s", took.Round(100*time.Millisecond), out)
		})
	}
}

//go:build vm

package packaging_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/packaging/machinetest"
)

var (
	cuts        = flag.Int("cuts", 10, "how often the power goes while patients check in")
	upgradeCuts = flag.Int("upgrade-cuts", 3, "how often the power goes while the package is upgraded")
	seed        = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what the disk loses, and when")
)

func init() {
	only = map[string]string{before: "linux/amd64", now: "linux/amd64"}
}

// The scanners that qemu plugs into each machine.
const scanners = `
[[device]]
id = "front"
class = "scanner"
mode = "keyboard"
port = "usb:0627:0001"
idle_gap = "1s"

[[device]]
id = "side"
class = "scanner"
port = "usb:0403:6001"
idle_gap = "1s"
`

const patience = 8 * time.Minute // the machine is emulated, and this one is busy

// vm is a kiosk in a virtual machine.
type vm struct {
	*machinetest.Virtual
	*kiosk
	t     *testing.T
	heard int // words of the second serial port that were waited for
	quiet int // check-ins that a cut may have met after they were stored and before they were told
}

// newVM boots a machine with the packages in /root and a way to PubNub's double.
func newVM(t *testing.T, double *emulator.Emulator) *vm {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m := &vm{t: t}
	m.Virtual = machinetest.NewVirtual(t, func(root *machinetest.Machine) {
		root.Copy(self, "/usr/bin/patient")
		root.Copy(one(t, packages(t, before), "*_amd64.deb"), "/root/old.deb")
		root.Copy(one(t, packages(t, now), "*_amd64.deb"), "/root/next.deb")
		// To the kiosk, PubNub is on its own machine: all else has to be TLS.
		root.Write("/etc/systemd/system/pubnub.socket", "[Socket]\nListenStream=127.0.0.1:8999\n[Install]\nWantedBy=sockets.target\n", 0o644)
		root.Write("/etc/systemd/system/pubnub.service", "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd 10.0.2.100:80\n", 0o644)
		root.Enable("pubnub.socket")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: double, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // until the test's end
	t.Cleanup(func() { _ = server.Close() })
	m.Forward = []string{self, "forward", l.Addr().String()}
	m.Start()
	m.kiosk = &kiosk{t: t,
		run: func(stdin string, args ...string) (string, error) {
			return m.Output(stdin, "clinicgate", args...)
		},
		write: func(name, text string) string {
			m.Write("/root/"+name, text, 0o600)
			return "/root/" + name
		}}
	return m
}

// configure writes the config of a kiosk with scanners.
func (m *vm) configure(more ...string) {
	m.t.Helper()
	m.must("", append([]string{"config", "init"}, settings(append([]string{"pubnub.origin=127.0.0.1:8999", "sync.unsigned=off"}, more...)...)...)...)
	if _, err := m.Output(departments+scanners, "sh", "-c", "cat >>/etc/clinicgate/config.toml"); err != nil {
		m.t.Fatal(err)
	}
}

// working waits until the service is ready by itself and answers.
func (m *vm) working() {
	m.t.Helper()
	const until = "until systemctl --quiet is-active clinicgate; do sleep 2; done; clinicgate status"
	if _, err := m.Try("timeout", fmt.Sprint(patience.Seconds()), "sh", "-c", until); err != nil {
		m.t.Fatalf("the service does not work after %v: %v\n%s", patience, err, m.Run("journalctl", "-u", "clinicgate", "-n", "30", "--no-pager"))
	}
}

var number = regexp.MustCompile(`^A-\d{3}$`)

// tickets are the numbers that left the machine, in the order in which they were
// given.
func (m *vm) tickets() (given []string) {
	for line := range strings.Lines(m.Tty1()) {
		if line = strings.TrimSpace(line); number.MatchString(line) {
			given = append(given, line)
		}
	}
	return given
}

// patients begins check-ins whose numbers go to the second serial port.
func (m *vm) patients(codes ...string) {
	m.t.Helper()
	m.heard = len(strings.Fields(m.Tty1()))
	m.Run("systemd-run", "--quiet", "--collect", "--unit=patients", "--setenv=CLINICGATE_PATIENT="+m.launch(), "--setenv=CLINICGATE_PATIENT_CODE="+strings.Join(codes, " "),
		"--property=StandardOutput=file:/dev/ttyS1", "sh", "-c", "echo && exec patient") // a cut may have left half a line
}

func (m *vm) codesOf(n int) []string {
	m.came += n
	return m.codes[m.came-n : m.came]
}

// doctor gives the checks that failed or warned.
func (m *vm) doctor() (failed, warned []string) {
	m.t.Helper()
	out, _ := m.run("", "doctor", "--json") // its exit code says what the reports say
	var answer struct {
		Data struct {
			Checks []struct{ ID, State, Detail, Hint string }
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Data.Checks) == 0 {
		m.t.Fatalf("doctor: %v: %s", err, out)
	}
	for _, c := range answer.Data.Checks {
		switch c.State {
		case "fail":
			failed = append(failed, c.ID+": "+c.Detail)
		case "warn":
			warned = append(warned, c.ID+": "+c.Detail)
		}
	}
	return failed, warned
}

// TestPowerCuts: the package on a machine of its own with scanners, which loses its
// power again and again.
func TestPowerCuts(t *testing.T) {
	t.Logf("-seed %d -cuts %d", *seed, *cuts)
	chance := rand.New(rand.NewPCG(*seed, 0))
	begun := time.Now()
	step := func(what string) { t.Logf("%4.0f s: %s", time.Since(begun).Seconds(), what) }

	double := emulator.New(emulator.Options{})
	t.Cleanup(double.Close)
	m := newVM(t, double)
	step("booted")

	m.Run("dpkg", "-i", "/root/old.deb")
	m.configure()
	m.keys("/root/shared.json", "/root/maker.pem")
	m.must("", "service", "install")
	m.must("", "service", "start")
	m.people("/root/shared.json", "/root/maker.pem", 2+8**cuts)
	m.working()
	step("installed")

	for name, scan := range map[string]func(string){"keyboard": m.Type, "serial port": func(code string) { m.Serial(code + "\r") }} {
		m.patients(byHand)
		m.told("scan")
		scan(m.code())
		m.told("A-")
		step("scanned by " + name)
	}
	if got, want := m.waiting(), strings.Join(m.tickets(), " "); got != want {
		t.Errorf("%s wait, and %s were told so", got, want)
	}
	failed, warned := m.doctor()
	t.Logf("doctor: failed %q, warned %q", failed, warned)
	if len(failed) > 0 {
		t.Error("doctor has a complaint about a healthy kiosk")
	}

	for n := range *cuts {
		m.patients(m.codesOf(8)...)
		m.told("A-")
		time.Sleep(time.Duration(chance.Int64N(int64(4 * time.Second))))
		kept, lost := m.Cut(shares[n%len(shares)], chance)
		told := m.tickets()
		m.Start()
		m.working()
		step(fmt.Sprintf("cut %d: %d of %d sectors that were not flushed are lost, none of %d numbers", n+1, lost, kept+lost, len(told)))
		m.holds(told, 1)
	}

	// Without a cut first, to know how long there is time for one.
	begins := time.Now()
	m.Run("dpkg", "-i", "/root/next.deb")
	takes := time.Since(begins)
	m.runs(now)
	step(fmt.Sprintf("upgraded in %.0f s", takes.Seconds()))
	held := m.tickets()
	for n := range *upgradeCuts {
		m.Run("dpkg", "-i", "/root/old.deb")
		m.runs(before)
		m.Run("systemd-run", "--quiet", "--collect", "--unit=upgrade", "--property=StandardOutput=file:/dev/ttyS1", "sh", "-c", "echo upgrades && dpkg -i /root/next.deb")
		m.told("upgrades")
		after := time.Duration(chance.Int64N(int64(takes)))
		time.Sleep(after)
		kept, lost := m.Cut(shares[n%len(shares)], chance)
		m.Start()
		m.working()
		version, state := m.must("", "version"), m.Run("dpkg-query", "--show", "--showformat=${Status} ${Version}", "clinicgate")
		step(fmt.Sprintf("cut in upgrade %d, after %.1f s: %d of %d sectors lost; runs %s; dpkg says %s", n+1, after.Seconds(), lost, kept+lost, strings.Fields(version)[1], state))
		m.holds(held, 0)
		// What dpkg itself tells people to do, then the upgrade again.
		m.Run("dpkg", "--configure", "-a")
		m.Run("dpkg", "-i", "/root/next.deb")
		m.runs(now)
	}
	m.holds(held, 0)
}

// shares of the sectors that a cut leaves of what was not flushed, in turn.
var shares = []float64{0, 0.5, 0.9}

// told waits until the machine says a line of its second serial port that was not
// there before, and that begins so.
func (m *vm) told(what string) {
	m.t.Helper()
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(200 * time.Millisecond) {
		words := strings.Fields(m.Tty1())
		for i, word := range words[min(m.heard, len(words)):] {
			if strings.HasPrefix(word, what) {
				m.heard += i + 1
				return
			}
		}
	}
	m.t.Fatalf("the machine does not say %s:\n%s", what, m.Run("journalctl", "-u", "patients", "-u", "upgrade", "-u", "clinicgate", "-n", "30", "--no-pager"))
}

// holds tells whether those who were told a number wait, each once, and beside them
// no more than those whose number was still under way.
func (m *vm) holds(told []string, underWay int) {
	m.t.Helper()
	held := strings.Fields(m.waiting())
	for i, ticket := range told {
		if !slices.Contains(held, ticket) {
			m.t.Errorf("%s was given and is lost", ticket)
		}
		if slices.Contains(told[:i], ticket) {
			m.t.Errorf("%s was given twice", ticket)
		}
	}
	m.quiet += underWay
	if len(held) > len(told)+m.quiet {
		m.t.Errorf("%d wait, and %d were told so: more than %d were under way", len(held), len(told), m.quiet)
	}
	m.must("", "store", "check", "--full")
	m.must("", "audit", "verify")
}

// runs waits until the service works, and tells whether it is of a version.
func (m *vm) runs(version string) {
	m.t.Helper()
	m.working()
	if out := m.must("", "version"); !strings.Contains(out, version) {
		m.t.Errorf("version: %s, want %s", out, version)
	}
}

// TestTwoMachines: a kiosk whose key only its own machine unseals dies, and another
// machine takes over what it had not sent, by the steps of operator/backup.md. The
// dead one's store is worth nothing there.
func TestTwoMachines(t *testing.T) {
	begun := time.Now()
	step := func(what string) { t.Logf("%4.0f s: %s", time.Since(begun).Seconds(), what) }
	double := emulator.New(emulator.Options{})
	t.Cleanup(double.Close)
	a, b := newVM(t, double), newVM(t, double)
	step("two machines booted")

	var recovery struct {
		Data struct{ Private, Public string }
	}
	a.Run("dpkg", "-i", "/root/next.deb")
	a.decode(&recovery, "", "keys", "recovery", "init", "--json")
	sealed := []string{"key_source.kind=credential", "key_source.file=/etc/clinicgate/key.cred"}
	a.configure(sealed...)
	a.must("", "keys", "init", "--generate", "--recovery", recovery.Data.Public, "--shared-keys", "/root/shared.json")
	codes := a.must("", "roster", "keygen", "/root/maker.pem")
	a.must(codes, "keys", "import")
	a.must("", "service", "install")
	a.must("", "service", "start")
	a.people("/root/shared.json", "/root/maker.pem", 3)
	a.next()
	each := 0 // messages of the queue that a check-in makes
	eventually(t, patience, "the first patient is known outside", func() error {
		before := each
		time.Sleep(5 * time.Second) // all of them
		if each = sentOf(double); each == 0 || each != before {
			return fmt.Errorf("%d messages, %d a moment ago", each, before)
		}
		return nil
	})
	double.Faults().Add(emulator.Rule{Action: emulator.Reset})
	a.next()
	a.next()
	step("two checked in without a network")
	a.must("", "store", "backup", "/var/lib/clinicgate/night.cgbackup")
	backup, shared := a.base64("/var/lib/clinicgate/night.cgbackup"), a.Run("cat", "/root/shared.json")
	var dead []string
	for _, f := range []string{"/etc/clinicgate/key.cred", "/var/lib/clinicgate/keyring.a", "/var/lib/clinicgate/keyring.b", "/var/lib/clinicgate/store.db"} {
		dead = append(dead, f, a.base64(f))
	}
	secret := a.Run("sha256sum", "/var/lib/systemd/credential.secret")
	a.Cut(0, rand.New(rand.NewPCG(*seed, 1)))
	step("the first machine is dead")

	double.Faults().Clear()
	b.Run("dpkg", "-i", "/root/next.deb")
	b.configure(append(sealed, "kiosk.id=lobby-2", "kiosk.letter=B")...)
	b.must("", "keys", "init", "--generate", "--recovery", recovery.Data.Public)
	b.must(shared, "keys", "import")
	b.must(codes, "keys", "import")
	b.must("", "service", "install")
	b.must("", "service", "start")
	b.working()
	if b.Run("sha256sum", "/var/lib/systemd/credential.secret") == secret {
		t.Fatal("both machines have the same key")
	}
	step("the second machine is a kiosk of its own")

	b.put("/root/night.cgbackup", backup)
	b.must("", "service", "stop")
	said := b.must(recovery.Data.Private+"\n", "store", "restore", "--replacement", "--recovery-key", "-", "/root/night.cgbackup")
	step("restored: " + said)
	b.must("", "service", "start")
	b.working()
	const retired = "until clinicgate sync status | grep -q '): retired '; do sleep 2; done"
	if _, err := b.Try("timeout", fmt.Sprint(patience.Seconds()), "sh", "-c", retired); err != nil {
		t.Fatalf("the dead kiosk is not retired: %v\n%s", err, b.must("", "sync", "status"))
	}
	if got := sentOf(double); got <= each { // whose they are, TestE2EReplacement tells
		t.Errorf("of the dead kiosk's three patients are %d messages outside, and the first made %d", got, each)
	}
	for kind, want := range map[string]int{"KIOSK_REPLACED": 1, "KIOSK_RETIRED": 1, "STORE_RECOVERED": 0} {
		if out := b.must("", "audit", "list", "--json", "--type", kind); strings.Count(out, `"`+kind+`"`) != want {
			t.Errorf("the audit log has %s other than %d times:\n%s", kind, want, out)
		}
	}
	if failed, _ := b.doctor(); len(failed) > 0 {
		t.Errorf("doctor: %q", failed)
	}
	step("its patients are known outside, and it is retired")

	// The dead one's files on this machine: nothing opens them but the recovery key.
	b.must("", "service", "stop")
	b.Run("sh", "-c", "mkdir /root/own && mv /var/lib/clinicgate/* /root/own/")
	for i := 0; i < len(dead); i += 2 {
		b.put(dead[i], dead[i+1])
		b.Run("chown", "clinicgate:clinicgate", dead[i])
	}
	if out, err := b.run("", "service", "start"); err == nil {
		t.Errorf("the service runs with the dead machine's files: %s", out)
	} else {
		t.Logf("as it should be: %v", err)
	}
	if out, err := b.run("", "store", "check", "--full"); err == nil {
		t.Errorf("the store of the dead machine opens: %s", out)
	} else {
		t.Logf("as it should be: %v", err)
	}
}

// decode runs clinicgate and reads its JSON.
func (m *vm) decode(into any, stdin string, args ...string) {
	m.t.Helper()
	out := m.must(stdin, args...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
}

// next checks the next person in, inside.
func (m *vm) next() {
	m.t.Helper()
	m.patients(m.code())
	m.told("A-")
}

func (m *vm) base64(path string) string { m.t.Helper(); return m.Run("base64", path) }

func (m *vm) put(path, text string) {
	m.t.Helper()
	if _, err := m.Output(text, "sh", "-c", "base64 -d >"+path); err != nil {
		m.t.Fatal(err)
	}
}

// sentOf is how many messages of the queue are outside.
func sentOf(double *emulator.Emulator) int { return len(double.History("queue.cardiology")) }

//go:build e2e

package packaging_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/packaging/machinetest"
)

const (
	archived     = "/usr/local/bin/clinicgate" // where the operator's page puts the program of a tar.gz
	journal      = "/var/lib/clinicgate-upgrade/upgrade.json"
	receipts     = "127.0.0.1:9100"
	measured     = "127.0.0.1:8479"
	withoutAPage = time.Minute // the most that patients may be, whatever is put in
)

// The builds are broken in the source, so that what is put in is a real program that
// does the wrong thing.
var (
	exits  = change{"cmd/clinicgate/run.go", "\t\t\twatch := newWatch(", "\t\t\tos.Exit(7)\n\t\t\twatch := newWatch("}
	dies   = change{"cmd/clinicgate/watch.go", "\ttime.AfterFunc(service.ExitWindow,", "\ttime.AfterFunc(2*time.Second, func() { panic(\"broken\") })\n\ttime.AfterFunc(service.ExitWindow,"}
	hangs  = change{"cmd/clinicgate/watch.go", "\tusual := config.Default()\n", "\tfor {\n\t\ttime.Sleep(time.Hour)\n\t}\n\tusual := config.Default()\n"}
	keeps  = change{"storage/options.go", "(*bolt.Tx).Commit", "(*bolt.Tx).Rollback"}
	pages  = change{"kiosk/web/server.go", "\t\t{Path: \"/\", Method: http.MethodGet, Class: door.Document, Serve: s.serveCheckIn},\n", ""}
	blind  = change{"devices/printer/wire.go", "\td := net.Dialer{", "\thost = \"127.0.0.1:1\"\n\td := net.Dialer{"}
	format = []change{
		{"storage/layout.go", "const formatVersion = 1", "const formatVersion = 2"},
		{"storage/migrate.go", "func steps() []step { return nil }", "func steps() []step { return []step{{from: 1}} }"},
	}
)

// upgrading is a kiosk that was installed from a tar.gz, with a printer.
type upgrading struct {
	*kiosk
	m     *machinetest.Machine
	whole *testing.T
}

// TestUpgrade puts versions in the place of one that was installed from a tar.gz,
// under a real systemd: a good one, broken ones, and with the power cut in between.
func TestUpgrade(t *testing.T) {
	r := newReleases(t)
	first := r.packaged("1.0.0")
	good := r.built("1.1.0")
	k := installArchive(t, r, first)
	k.comes("A-001")

	if !t.Run("good", func(t *testing.T) { k.on(t); k.goodUpgrade(r, good) }) {
		t.FailNow() // what follows is put in the place of 1.1.0
	}
	for _, b := range []struct {
		does, version, reason string
		program               func(version string) string
	}{
		{"is no program", "1.2.0", "it ends again and again", func(v string) string { return r.packed(v, notAProgram(t, v)) }},
		{"exits at once", "1.2.1", "it ends again and again", func(v string) string { return r.built(v, exits) }},
		{"crashes when it serves", "1.2.2", "it ends again and again", func(v string) string { return r.built(v, dies) }},
		{"hangs and is never ready", "1.2.3", "it does not answer", func(v string) string { return r.built(v, hangs) }},
		{"does not commit", "1.2.4", "its store does not commit and read back", func(v string) string { return r.built(v, keeps) }},
		{"does not serve the page", "1.2.5", "its page does not answer", func(v string) string { return r.built(v, pages) }},
		{"does not see its devices", "1.2.6", "it does not see device ticket-printer", func(v string) string { return r.built(v, blind) }},
	} {
		t.Run(b.does, func(t *testing.T) { k.on(t); k.broken(b.program(b.version), b.version, b.reason) })
	}
	t.Run("forged", func(t *testing.T) { k.on(t); k.forged(r) })
	t.Run("power cut", func(t *testing.T) {
		k.on(t)
		k.cutOff(r.built("1.3.0", hangs), "1.3.0", "1.1.0", "swapping", "trial", "returning")
		k.cutOff(r.built("1.3.1"), "1.3.1", "1.3.1", "swapping", "trial")
	})
	t.Run("format", func(t *testing.T) { k.on(t); k.newFormat(r) })
	t.Run("removed", func(t *testing.T) { k.on(t); k.removed(r) })
}

func notAProgram(t *testing.T, version string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), "clinicgate_"+version, "clinicgate")
	err := os.Mkdir(filepath.Dir(at), 0o755)
	if err == nil {
		err = os.WriteFile(at, []byte("a text, and no program\n"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// installArchive does what the operator's page says for a tar.gz.
func installArchive(t *testing.T, r *releases, archive string) *upgrading {
	t.Helper()
	m := machinetest.Boot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.Copy(self, "/usr/bin/patient")
	k := &upgrading{&kiosk{t: t, config: filepath.Join(m.Dir, "etc/clinicgate/config.toml")}, m, t}
	k.run = func(stdin string, args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(k.t.Context(), 5*time.Minute)
		defer cancel()
		cmd := m.Command(ctx, archived, args...)
		cmd.Stdin = strings.NewReader(stdin)
		var told strings.Builder
		cmd.Stderr = &told
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, told.String())
		}
		return string(out), err
	}
	k.write = func(name, text string) string { m.Write("/root/"+name, text, 0o600); return "/root/" + name }
	k.brings(archive)
	m.Run("tar", "-C", "/root", "-xzf", "/root/"+filepath.Base(archive))
	m.Run("sh", "-c", "install -m 755 /root/clinicgate_1.0.0_linux_amd64/clinicgate /usr/local/bin/")
	k.setUp("metrics.listen="+measured, "upgrade.window=02:00-04:00")
	text, err := os.ReadFile(k.config)
	if err == nil {
		err = os.WriteFile(k.config, append(text, "\n[[device]]\nid = \"ticket-printer\"\nclass = \"printer\"\nport = \"tcp:"+receipts+"\"\n"...), 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.plugIn()
	k.keys("/root/shared.json", "/root/maker.pem")
	k.must("", "service", "install")
	k.must("", "service", "start")
	k.people("/root/shared.json", "/root/maker.pem", 9)
	k.seesPrinter()
	return k
}

// on lets a subtest's failures end it alone.
func (k *upgrading) on(t *testing.T) {
	before := k.t
	k.t = t
	t.Cleanup(func() { k.t = before })
	k.m.For(t)
}

// plugIn puts a printer on the machine's network, where it is until the whole test ends:
// after a cut the machine has another network.
func (k *upgrading) plugIn() {
	k.t.Helper()
	var p *simulator.ReceiptPrinter
	if err := k.m.InNetwork(func() (err error) { p, err = simulator.NewReceiptPrinter(receipts); return err }); err != nil {
		k.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.Run(ctx) }()
	k.whole.Cleanup(func() { cancel(); <-ended })
}

func (k *upgrading) seesPrinter() {
	k.t.Helper()
	eventually(k.t, 2*time.Minute, "the printer is seen", func() error {
		out, err := k.run("", "devices", "list", "--json")
		if err != nil {
			return err
		}
		var list struct {
			Data struct{ Devices []struct{ ID, State string } }
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return err
		}
		for _, d := range list.Data.Devices {
			if d.ID == "ticket-printer" && d.State == "attached" {
				return nil
			}
		}
		return fmt.Errorf("devices: %s", out)
	})
}

// comes checks the next person in.
func (k *upgrading) comes(want string) {
	k.t.Helper()
	ticket := k.m.Run("env", "CLINICGATE_PATIENT="+k.launch(), "CLINICGATE_PATIENT_CODE="+k.code(), "patient")
	if strings.TrimSpace(ticket) != want {
		k.t.Errorf("number %q, want %s", ticket, want)
	}
}

// brings puts a release with its signature on the kiosk.
func (k *upgrading) brings(file string) string {
	k.t.Helper()
	at := "/root/" + filepath.Base(file)
	k.m.Copy(file, at)
	k.m.Copy(file+".minisig", at+".minisig")
	return at
}

// history is what `upgrade status` says.
type history struct {
	Stage string
	From  struct{ Version string }
	To    struct{ Version string }
	Tries int
	Last  *struct {
		Result, Reason string
		To             struct{ Version string }
		Away           time.Duration
	}
	Refused []struct{ Version, Reason string }
}

func (k *upgrading) status() (h history) {
	k.t.Helper()
	var answer struct{ Data history }
	if err := json.Unmarshal([]byte(k.must("", "upgrade", "status", "--json")), &answer); err != nil {
		k.t.Fatal(err)
	}
	return answer.Data
}

// refuses runs a command that must fail with these words.
func (k *upgrading) refuses(words []string, args ...string) {
	k.t.Helper()
	out, err := k.run("", args...)
	if err == nil {
		k.t.Errorf("clinicgate %s was not refused: %s", strings.Join(args, " "), out)
		return
	}
	for _, w := range append(words, "hint: ") {
		if !strings.Contains(err.Error(), w) {
			k.t.Errorf("clinicgate %s does not say %q: %v", strings.Join(args, " "), w, err)
		}
	}
}

func (k *upgrading) goodUpgrade(r *releases, file string) {
	t, m := k.t, k.m
	at := k.brings(file)
	m.Write("/etc/systemd/system/clinicgate.service.d/own.conf", "[Service]\nNice=3\n", 0o644)
	keys := func() string { // without the count of their uses
		held, _, _ := strings.Cut(k.must("", "keys", "list", "--json"), `"epochs"`)
		return held
	}
	identity, settings := keys(), m.Run("sha256sum", "/etc/clinicgate/passphrase")

	if out := k.must("", "upgrade", at, "--check"); !strings.Contains(out, "clinicgate 1.1.0 for linux/amd64 would be taken in the place of 1.0.0") {
		t.Errorf("check: %s", out)
	}

	// The copy in the unpacked archive is not what the service runs.
	if out, err := m.Try("/root/clinicgate_1.0.0_linux_amd64/clinicgate", "upgrade", at, "--now"); err == nil || !strings.Contains(out, "run `"+archived+" upgrade") {
		t.Errorf("called as another program: %v: %s", err, out)
	}

	// Out of the window nothing happens, and it can be cancelled.
	if out := k.must("", "upgrade", at); !strings.Contains(out, "in the window 02:00-04:00") {
		t.Errorf("ordered: %s", out)
	}
	time.Sleep(12 * time.Second) // the keeper looks every 5 s
	if h := k.status(); h.Stage != "planned" {
		t.Fatalf("before the window: %+v", h)
	}
	k.refuses([]string{"an upgrade to clinicgate 1.1.0 goes on"}, "upgrade", at)
	k.refuses([]string{"an upgrade to clinicgate 1.1.0 waits"}, "service", "uninstall")
	k.must("", "upgrade", "cancel")
	if h := k.status(); h.Stage != "" || h.Last == nil || h.Last.Result != "not done" || h.Last.Reason != "cancelled" {
		t.Errorf("cancelled: %+v", h)
	}
	if out, err := m.Try("systemctl", "is-active", "clinicgate-upgrade"); err == nil {
		t.Errorf("the keeper is %s after that", out)
	}
	k.refuses([]string{"no upgrade waits"}, "upgrade", "cancel")

	// In the window it waits for who is at the page.
	m.Run("sed", "-i", `s|^window = .*|window = "08:00-20:00"|`, "/etc/clinicgate/config.toml")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var complains strings.Builder
	patient := m.Command(ctx, "env", "CLINICGATE_PATIENT="+k.launch(), "CLINICGATE_PATIENT_CODE="+k.codes[k.came], "CLINICGATE_PATIENT_STAYS=1", "patient")
	patient.Stderr = &complains
	enough, err := patient.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := patient.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := patient.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatalf("the patient: %q, %v, %v: %s", line, err, patient.Wait(), &complains)
	}
	w := watchPage(t, m)
	if out := k.must("", "upgrade", at); !strings.Contains(out, "when nobody is at the page") {
		t.Errorf("ordered: %s", out)
	}
	time.Sleep(12 * time.Second)
	if h := k.status(); h.Stage != "planned" {
		t.Fatalf("with somebody at the page: %+v", h)
	}
	if _, err := enough.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if err := patient.Wait(); err != nil {
		t.Errorf("the patient: %v", err)
	}
	k.ends("1.1.0", "confirmed")
	w.until("1.1.0")
	w.stop()
	h := k.status()
	t.Logf("good upgrade: patients were without the page for %.1f s; the journal says %.1f s", w.away("1.0.0", "1.1.0").Seconds(), h.Last.Away.Seconds())
	if out := k.must("", "version"); !strings.Contains(out, "clinicgate 1.1.0 ") {
		t.Errorf("version: %s", out)
	}
	if out := m.Run("/usr/local/bin/clinicgate.old", "version"); !strings.Contains(out, "clinicgate 1.0.0 ") {
		t.Errorf("the old program is not kept: %s", out)
	}
	if got := keys(); got != identity {
		t.Errorf("the keys changed:\n%s\n%s", identity, got)
	}
	if got := m.Run("sha256sum", "/etc/clinicgate/passphrase"); got != settings {
		t.Error("the settings changed")
	}
	if got := strings.TrimSpace(m.Run("systemctl", "show", "-p", "Nice", "--value", "clinicgate")); got != "3" {
		t.Errorf("a drop-in was lost: nice %s", got)
	}
	k.comes("A-002")
	if got := k.waiting(); got != "A-001 A-002" {
		t.Errorf("who waits: %s", got)
	}
	k.audited("UPGRADE_STARTED", "UPGRADE_CONFIRMED")
	k.seesPrinter()
}

// ends waits until the upgrade to a version ended, and its keeper is gone.
func (k *upgrading) ends(version, result string) {
	k.t.Helper()
	eventually(k.t, 4*time.Minute, "the upgrade to "+version+" ends", func() error {
		text, err := os.ReadFile(filepath.Join(k.m.Dir, journal))
		var h history
		if err == nil {
			err = json.Unmarshal(text, &h)
		}
		if err != nil {
			return err
		}
		if h.Stage != "" || h.Last == nil || h.Last.To.Version != version {
			return fmt.Errorf("%s", text)
		}
		if h.Last.Result != result {
			k.log()
			k.t.Fatalf("the upgrade to %s was %s: %s", version, h.Last.Result, h.Last.Reason)
		}
		if out, err := k.m.Try("systemctl", "is-active", "clinicgate-upgrade"); err == nil {
			return fmt.Errorf("the keeper is %s", out)
		}
		return nil
	})
	for _, p := range []string{"/etc/systemd/system/clinicgate-upgrade.service", "/etc/systemd/system/multi-user.target.wants/clinicgate-upgrade.service", archived + ".new", archived + ".part"} {
		if _, err := k.m.Try("test", "-e", p); err == nil {
			k.t.Errorf("%s is still there", p)
		}
	}
}

func (k *upgrading) audited(types ...string) {
	k.t.Helper()
	out := k.must("", "audit", "list")
	for _, want := range types {
		if !strings.Contains(out, want) {
			k.t.Errorf("the audit log has no %s:\n%s", want, out)
		}
	}
}

// broken offers a build that must be taken back.
func (k *upgrading) broken(file, version, reason string) {
	t := k.t
	at := k.brings(file)
	k.seesPrinter()
	w := watchPage(t, k.m)
	w.until("1.1.0")
	out, err := k.run("", "upgrade", at, "--now")
	if !found(err) {
		t.Errorf("upgrade --now: %v: %s", err, out)
	}
	k.ends(version, "rolled back")
	w.until("1.1.0")
	w.stop()
	away := w.away("1.1.0", "1.1.0")
	h := k.status()
	t.Logf("%s: the page of 1.1.0 was away for %.1f s; the journal says %.1f s: %s", t.Name(), away.Seconds(), h.Last.Away.Seconds(), h.Last.Reason)
	if away > withoutAPage {
		t.Errorf("patients were without the page for %v", away)
		k.log()
	}
	if h.Last.Reason != reason {
		t.Errorf("it was taken back because %q, want %q", h.Last.Reason, reason)
		k.log()
	}
	if last := h.Refused[len(h.Refused)-1]; last.Version != version {
		t.Errorf("refused: %+v", h.Refused)
	}
	if out := k.must("", "version"); !strings.Contains(out, "clinicgate 1.1.0 ") {
		t.Errorf("version: %s", out)
	}
	k.refuses([]string{"clinicgate " + version + " is refused: it was taken back on ", reason}, "upgrade", at, "--now")
	k.refuses([]string{"clinicgate " + version + " is refused"}, "upgrade", at, "--check")
	k.audited("UPGRADE_ROLLED_BACK", "UPGRADE_REFUSED")
	k.comes(fmt.Sprintf("A-%03d", k.came+1))
}

// log shows what the services said, which names nobody.
func (k *upgrading) log() {
	out, _ := k.m.Try("journalctl", "-u", "clinicgate", "-u", "clinicgate-upgrade", "-n", "150", "--no-pager", "-o", "short-precise")
	k.t.Log(out)
}

// found reports whether a command ended with the code of one that found something wrong.
func found(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == 5
}

// forged offers what is not what its signature says. Nothing is stopped for it.
func (k *upgrading) forged(r *releases) {
	pid := k.m.Run("systemctl", "show", "-p", "MainPID", "--value", "clinicgate")
	at := k.brings(r.built("1.3.1"))
	info, err := os.Stat(filepath.Join(k.m.Dir, at))
	if err != nil {
		k.t.Fatal(err)
	}
	k.m.Run("truncate", "-s", fmt.Sprint(info.Size()/2), at)
	k.refuses([]string{"is refused", "the signature does not fit"}, "upgrade", at, "--now")
	k.m.Run("rm", at+".minisig")
	k.refuses([]string{"there is no signature"}, "upgrade", at, "--now")
	other := r.other()
	at = k.brings(other.packed("1.3.2", notAProgram(k.t, "1.3.2")))
	k.refuses([]string{"not known here"}, "upgrade", at, "--now")
	if now := k.m.Run("systemctl", "show", "-p", "MainPID", "--value", "clinicgate"); now != pid {
		k.t.Errorf("the service was started anew: %s, before %s", now, pid)
	}
}

// cutOff cuts the power at each of some stages of an upgrade, and expects that in the
// end a version serves.
func (k *upgrading) cutOff(file, version, serves string, stages ...string) {
	at := k.brings(file)
	before := k.status().Last
	k.must("", "upgrade", at, "--at", time.Now().Add(-time.Minute).Format(time.RFC3339))
	for _, stage := range stages {
		eventuallyAtOnce(k.t, 3*time.Minute, "the stage "+stage, func() bool {
			text, err := os.ReadFile(filepath.Join(k.m.Dir, journal))
			return err == nil && strings.Contains(string(text), `"stage": "`+stage+`"`)
		})
		k.m.Cut()
		if info, err := os.Stat(filepath.Join(k.m.Dir, archived)); err != nil || info.Mode().Perm() != 0o755 {
			k.t.Fatalf("after a cut at %s there is no program: %v", stage, err)
		}
		k.m.Begin() // a boot is not over while a version hangs, and the next stage is
		k.plugIn()
	}
	result := "confirmed"
	if serves != version {
		result = "rolled back"
	}
	w := watchPage(k.t, k.m)
	k.ends(version, result)
	w.until(serves)
	w.stop()
	h := k.status()
	if h.Last == before {
		k.t.Errorf("nothing happened: %+v", h)
	}
	k.t.Logf("power cut at %v: %s, %s serves", stages, h.Last.Result, serves)
	if got := k.waiting(); strings.Count(got, "A-") != k.came {
		k.t.Errorf("who waits: %s of %d", got, k.came)
	}
	k.seesPrinter()
}

// eventuallyAtOnce is eventually for what is over soon.
func eventuallyAtOnce(t *testing.T, within time.Duration, what string, done func() bool) {
	t.Helper()
	for begun := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(begun) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
	}
}

// newFormat puts in releases that write another format of the store.
func (k *upgrading) newFormat(r *releases) {
	t, m := k.t, k.m
	const store = "/var/lib/clinicgate/store.db"
	file := r.built("1.4.0", append(format, pages)...)
	r.sign("1.4.0", 2)
	k.refuses([]string{"writes format 2 of the store, and this version reads up to 1"}, "upgrade", k.brings(file), "--now")

	// A release that lies about it and is taken back leaves a store that the old one
	// refuses by name, with the old store beside it.
	r.sign("1.4.0", 1)
	out, err := k.run("", "upgrade", k.brings(file), "--now")
	if !found(err) {
		t.Errorf("upgrade --now: %v: %s", err, out)
	}
	k.ends("1.4.0", "rolled back")
	told := m.Run("journalctl", "-u", "clinicgate", "--no-pager", "-q", "-o", "cat", "--grep", "this version reads up to 1|hint: install")
	for _, want := range []string{"clinicgate 1.4.0, in format 2; this version reads up to 1", "put store.db.format1", "in the place of store.db"} {
		if !strings.Contains(told, want) {
			t.Errorf("the old one does not say %q:\n%s", want, told)
		}
	}
	m.Run("systemctl", "stop", "clinicgate")
	m.Run("mv", store+".format1", store)
	k.must("", "service", "start")
	if got := k.waiting(); strings.Count(got, "A-") != k.came {
		t.Errorf("who waits after the old store was put back: %s of %d", got, k.came)
	}
	k.seesPrinter()

	// One that works is confirmed. The old store goes with the next start.
	k.must("", "upgrade", k.brings(r.built("1.4.1", format...)), "--now")
	k.ends("1.4.1", "confirmed")
	m.Run("test", "-e", store+".format1")
	k.must("", "service", "restart")
	if _, err := m.Try("test", "-e", store+".format1"); err == nil {
		t.Error("the old store is still there")
	}
	if got := k.waiting(); strings.Count(got, "A-") != k.came {
		t.Errorf("who waits after the change of format: %s of %d", got, k.came)
	}

	// The version before refuses that store by name, and is taken back.
	w := watchPage(t, m)
	k.refuses([]string{"is older than"}, "upgrade", k.brings(r.built("1.3.1")), "--now")
	if _, err := k.run("", "upgrade", "/root/"+filepath.Base(r.file("1.3.1")), "--now", "--allow-downgrade"); err == nil {
		t.Error("an older version serves a newer store")
	}
	k.ends("1.3.1", "rolled back")
	w.until("1.4.1")
	w.stop()
	t.Logf("the version before, which refused the store: the page of 1.4.1 was away for %.1f s: %s", w.away("1.4.1", "1.4.1").Seconds(), k.status().Last.Reason)
	if told := m.Run("journalctl", "-u", "clinicgate", "--no-pager", "-q", "-o", "cat", "--grep", "clinicgate 1.4.1, in format 2"); !strings.Contains(told, "this version reads up to 1") {
		t.Errorf("it does not say so:\n%s", told)
	}
}

// removed takes everything away.
func (k *upgrading) removed(r *releases) {
	k.must("", "service", "uninstall", "--purge", "--yes")
	for _, p := range []string{filepath.Dir(journal), archived + ".old", "/var/lib/clinicgate", "/etc/clinicgate"} {
		if _, err := k.m.Try("test", "-e", p); err == nil {
			k.t.Errorf("%s is still there", p)
		}
	}
}

// pageWatch asks for the page all the time, as a patient looks at it, and which
// version it is that answers.
type pageWatch struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan struct{}

	mu   sync.Mutex
	seen []answer
}

type answer struct {
	at      time.Time
	version string
}

const askEvery = 100 * time.Millisecond

func watchPage(t *testing.T, m *machinetest.Machine) *pageWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &pageWatch{t: t, cancel: cancel, ended: make(chan struct{})}
	t.Cleanup(w.stop)
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (c net.Conn, err error) {
			err = m.InNetwork(func() (err error) { c, err = (&net.Dialer{}).DialContext(ctx, network, address); return err })
			return c, err
		}}}
	go func() {
		defer close(w.ended)
		for tick := time.NewTicker(askEvery); ctx.Err() == nil; {
			if version := asked(ctx, client); version != "" {
				w.mu.Lock()
				w.seen = append(w.seen, answer{time.Now(), version})
				w.mu.Unlock()
			}
			select {
			case <-ctx.Done():
				tick.Stop()
			case <-tick.C:
			}
		}
	}()
	return w
}

var versionOf = regexp.MustCompile(`clinicgate_build_info\{[^}]*version="([^"]+)"`)

// asked gives the version of who shows the page, or "".
func asked(ctx context.Context, client *http.Client) string {
	get := func(url string) (int, string) {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return 0, ""
		}
		resp, err := client.Do(q)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return 0, ""
		}
		return resp.StatusCode, string(text)
	}
	// Without the pass of the kiosk's browser the page says so; minimal mode has no metrics.
	if status, _ := get("http://127.0.0.1:8470/"); status != http.StatusUnauthorized {
		return ""
	}
	_, text := get("http://" + measured + "/metrics")
	if m := versionOf.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// until waits until a version shows the page from now on.
func (w *pageWatch) until(version string) {
	w.t.Helper()
	from := time.Now()
	eventually(w.t, 2*time.Minute, "the page of "+version, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := len(w.seen); n == 0 || w.seen[n-1].version != version || w.seen[n-1].at.Before(from) {
			return fmt.Errorf("%d answers", n)
		}
		return nil
	})
}

func (w *pageWatch) stop() {
	w.cancel()
	<-w.ended
}

// away is the longest time between an answer of one version and the next of another,
// or of the same.
func (w *pageWatch) away(from, to string) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var last time.Time
	for _, a := range w.seen {
		if a.version == to && !last.IsZero() {
			longest = max(longest, a.at.Sub(last))
			if from != to {
				return longest
			}
		}
		if a.version == from {
			last = a.at
		}
	}
	return longest
}

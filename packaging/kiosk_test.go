//go:build e2e || vm

package packaging_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/kiosk/web/webtest"
)

// TestMain lets this program be patients in a machine whose loopback the test does
// not reach, and the way out of a machine without a network.
func TestMain(m *testing.M) {
	if launch := os.Getenv("CLINICGATE_PATIENT"); launch != "" {
		come := visit
		if os.Getenv("CLINICGATE_PATIENT_STAYS") != "" {
			come = stay
		}
		err := come(launch, func(ticket string) { fmt.Println(ticket) }, strings.Fields(os.Getenv("CLINICGATE_PATIENT_CODE"))...)
		if err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "forward" {
		if err := forward(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// forward joins standard input and output with an address, until either ends.
func forward(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	ended := make(chan error, 2)
	for _, way := range []struct {
		to   io.Writer
		from io.Reader
	}{{c, os.Stdin}, {os.Stdout, c}} {
		go func() {
			_, err := io.Copy(way.to, way.from)
			ended <- err
		}()
	}
	return <-ended
}

// byHand is the code of somebody who holds it under a scanner of the machine, once
// the page waits for it.
const byHand = "by-hand"

// visit is one check-in after the other through the page's HTTP, as the kiosk's
// browser does it.
func visit(launch string, told func(ticket string), codes ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(len(codes))*time.Minute)
	defer cancel()
	b, err := webtest.Open(ctx, launch)
	if err != nil {
		return err
	}
	go b.Follow(ctx)
	for _, code := range codes {
		arrive := func() error { return b.Press(ctx, "scan", map[string]any{"code": code}) }
		switch {
		case code == byHand:
			arrive = func() error { told("scan"); return nil }
		case !strings.Contains(code, ":"): // one to type
			arrive = func() error { return typed(ctx, b, code) }
		}
		ticket, err := b.CheckIn(ctx, arrive, func(string) bool { return true })
		if err == nil && ticket == "" {
			err = errors.New("no number was given")
		}
		if err != nil {
			return err
		}
		told(ticket)
	}
	return nil
}

// typed is a patient at the page's pad, in its one language.
func typed(ctx context.Context, b *webtest.Browser, code string) error {
	if err := b.Press(ctx, "start", nil); err != nil {
		return err
	}
	if _, err := b.Until(ctx, "needs"); err != nil {
		return err
	}
	if err := b.Press(ctx, "ready", nil); err != nil {
		return err
	}
	if _, err := b.Until(ctx, "identify"); err != nil {
		return err
	}
	return b.Press(ctx, "code", map[string]any{"code": code})
}

// stay begins a check-in and goes on looking at the first question, until somebody
// says on standard input that it is enough.
func stay(launch string, told func(ticket string), codes ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	b, err := webtest.Open(ctx, launch)
	if err != nil {
		return err
	}
	go b.Follow(ctx)
	if _, err = b.Until(ctx, "attract"); err == nil {
		err = b.Press(ctx, "scan", map[string]any{"code": codes[0]})
	}
	if err == nil {
		_, err = b.Until(ctx, "language", "needs")
	}
	if err != nil {
		return err
	}
	told("at the page")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	return b.Press(ctx, "leave", nil)
}

// built are the packages of two versions, made once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

const (
	before = "0.9.0"
	now    = "0.9.1"
)

// only are the targets of each version that tests install; none means all.
var only = map[string]string{before: "linux/amd64,windows/amd64", now: ""}

// packages gives the folder of a version's packages.
func packages(t *testing.T, version string) string {
	t.Helper()
	if made := os.Getenv("CLINICGATE_PACKAGES"); made != "" { // of an earlier run, each version in its folder
		return filepath.Join(made, version)
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "clinicgate-e2e-"); built.err != nil {
			return
		}
		for version, targets := range only {
			cmd := exec.Command("go", "run", "./packaging/build", "-out", filepath.Join(built.dir, version), "-version", version, "-only", targets)
			cmd.Dir = ".."
			if out, err := cmd.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("%w: %s", err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, version)
}

// one gives the only file of a folder that fits a pattern.
func one(t *testing.T, folder, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s in %s: %v, %v", pattern, folder, found, err)
	}
	return found[0]
}

// unpack unpacks an archive of the output and gives its program.
func unpack(t *testing.T, archive, program string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("tar", "-C", dir, "-xzf", archive).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return one(t, dir, "*/"+program)
}

// A kiosk is an installed clinicgate that a test operates. A clinicgate may be on
// another machine, so its files are written and read through it.
type kiosk struct {
	t      *testing.T
	run    func(stdin string, args ...string) (string, error) // clinicgate with these words
	write  func(name, text string) string                     // a file beside it; gives its name there
	config string                                             // its config file, as the test reaches it
	came   int
	codes  []string
}

func (k *kiosk) must(stdin string, args ...string) string {
	k.t.Helper()
	out, err := k.run(stdin, args...)
	if err != nil {
		k.t.Fatalf("clinicgate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// settings are what an operator sets at least.
func settings(more ...string) (sets []string) {
	zone := fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12) // where it is about noon: a day around now is one day
	all := append([]string{"kiosk.id=lobby-1", "kiosk.letter=A", "kiosk.site=main", "kiosk.organization=riverside", "kiosk.zone=" + zone,
		"pubnub.publish_key=demo", "pubnub.subscribe_key=demo", "pubnub.origin=127.0.0.1:9", "pubnub.secure=false"}, more...)
	for _, s := range all {
		sets = append(sets, "--set", s)
	}
	return sets
}

const departments = `
[[department]]
id = "cardiology"
name = { en = "Cardiology" }
where = { en = "Area A" }

[[provider]]
id = "dr-okafor"
name = "Dr. Okafor"
department = "cardiology"
room = "Room 101"

[[device]]
id = "hand"
class = "scanner"
mode = "page"
`

// setUp writes the config.
func (k *kiosk) setUp(more ...string) {
	k.t.Helper()
	k.must("", append([]string{"config", "init"}, settings(more...)...)...)
	text, err := os.ReadFile(k.config)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(k.config, append(text, departments...), 0o640); err != nil { // keeps owner and mode
		k.t.Fatal(err)
	}
}

// keys makes the keyring and the keys of codes.
func (k *kiosk) keys(shared, maker string) {
	k.t.Helper()
	k.must("", "keys", "init", "--generate", "--shared-keys", shared)
	k.must("", "config", "check", "--brief")
	k.must(k.must("", "roster", "keygen", maker), "keys", "import")
}

// people imports a list of n fictional people for today and keeps their codes.
func (k *kiosk) people(shared, maker string, n int) {
	k.t.Helper()
	var list strings.Builder
	list.WriteString("appointment_id,patient_id,family_name,given_name,birth_date,department,provider,start,mode,language\n")
	for i := range n {
		fmt.Fprintf(&list, "apt-%d,MRN-%d,Fictional,Quilla,1960-01-%02d,cardiology,dr-okafor,%s,in-person,en\n", i+1, i+1, i%28+1, time.Now().Format(time.RFC3339))
	}
	name := k.write("today.csv", list.String())
	k.must("", "roster", "import", name)
	out := k.must("", "roster", "codes", name, "--key", maker, "--shared-keys", shared)
	rows, err := csv.NewReader(strings.NewReader(out[strings.Index(out, "appointment_id"):])).ReadAll()
	if err != nil {
		k.t.Fatalf("%v: %s", err, out)
	}
	for _, r := range rows[1:] {
		k.codes = append(k.codes, r[1])
	}
}

// launch asks for the page's address, once it is served.
func (k *kiosk) launch() string {
	k.t.Helper()
	var answer struct{ Data struct{ URL string } }
	eventually(k.t, time.Minute, "the page is served", func() error {
		out, err := k.run("", "launch", "--json")
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return json.Unmarshal([]byte(out), &answer)
	})
	return answer.Data.URL
}

// next checks the next person in at a page that the test reaches.
func (k *kiosk) next() string {
	k.t.Helper()
	var given string
	if err := visit(k.launch(), func(ticket string) { given = ticket }, k.code()); err != nil {
		k.t.Fatal(err)
	}
	return given
}

func (k *kiosk) code() string {
	k.came++
	return k.codes[k.came-1]
}

// waiting gives the numbers of those who wait, in the order in which they came.
func (k *kiosk) waiting() string {
	k.t.Helper()
	var list struct {
		Data struct{ Entries []struct{ Ticket string } }
	}
	out := k.must("", "queue", "list", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		k.t.Fatalf("%v: %s", err, out)
	}
	var all []string
	for _, e := range list.Data.Entries {
		all = append(all, e.Ticket)
	}
	return strings.Join(all, " ")
}

// causes are what doctor finds wrong, the worst first.
func (k *kiosk) causes() string {
	k.t.Helper()
	out, err := k.run("", "doctor", "--json")
	if ended, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || ended.ExitCode() != 5) {
		k.t.Fatalf("doctor: %v\n%s", err, out)
	}
	var found struct {
		Data struct {
			Checks []struct{ ID, State, Because string }
		}
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		k.t.Fatalf("%v: %s", err, out)
	}
	var all []string
	for _, state := range []string{"fail", "warn"} {
		for _, r := range found.Data.Checks {
			if r.State == state && r.Because == "" {
				all = append(all, state+" "+r.ID)
			}
		}
	}
	return strings.Join(all, ", ")
}

// eventually waits until f has no complaint.
func eventually(t *testing.T, within time.Duration, what string, f func() error) {
	t.Helper()
	begun := time.Now()
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Since(begun) > within {
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := simulator.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

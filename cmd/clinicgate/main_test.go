package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/storage/keyring"
)

var update = flag.Bool("update", false, "rewrite what the scripts compare with")

// The real main runs as a process of its own in every script.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"clinicgate": recorded})
}

// Scripts of testdata/script run the program against files and against a
// control channel that answers with a made-up clinic ($CONTROL; $SAFE has every
// safeguard).
func TestScripts(t *testing.T) {
	written := t.TempDir()
	ran := new(atomic.Int64)
	t.Cleanup(func() { checkResults(t, written, int(ran.Load()) == len(glob(t, "testdata/script/*.txtar"))) })
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			ran.Add(1)
			safe := fakeBackend()
			safe.Doctor = fakeDoctor{safe: true}
			for name, backend := range map[string]control.Backend{"CONTROL": fakeBackend(), "SAFE": safe} {
				path := filepath.Join(e.WorkDir, strings.ToLower(name)+".sock")
				stop, err := serveFake(path, backend)
				if err != nil {
					return err
				}
				e.Defer(stop)
				e.Vars = append(e.Vars, name+"="+path)
			}
			guarded := emulator.New(emulator.Options{AccessManager: true})
			e.Values["guarded"] = guarded
			for name, double := range map[string]*emulator.Emulator{
				"ORIGIN":  emulator.New(emulator.Options{}),
				"GUARDED": guarded,
				"LATER":   emulator.New(emulator.Options{Now: func() time.Time { return time.Now().Add(3 * time.Hour) }}),
			} {
				server := httptest.NewServer(double)
				e.Defer(server.Close)
				e.Vars = append(e.Vars, name+"="+server.Listener.Addr().String())
			}
			// The program's clock shows what this one's does.
			if zone, ok := os.LookupEnv("TZ"); ok {
				e.Vars = append(e.Vars, "TZ="+zone)
			}
			e.Vars = append(e.Vars, "RESULTS="+written, "NONE="+filepath.Join(e.WorkDir, "none.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  codeCommand,
			"flip":  flipCommand,
			"token": tokenCommand,
			"cut": func(ts *testscript.TestScript, _ bool, args []string) { // cut SIZE FILE
				size, err := strconv.ParseInt(args[0], 10, 64)
				ts.Check(err)
				ts.Check(os.Truncate(ts.MkAbs(args[1]), size))
			},
			"recoverykey": func(ts *testscript.TestScript, _ bool, args []string) { // recoverykey FILE: $RECOVERY is its public half
				private, err := keyring.NewRecoveryKey()
				ts.Check(err)
				public, err := private.Public()
				ts.Check(err)
				ts.Setenv("RECOVERY", public.String())
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(private.Text()+"\n"), 0o600))
			},
			"sub": func(ts *testscript.TestScript, _ bool, args []string) { // sub OLD NEW FILE
				text := ts.ReadFile(args[2])
				if !strings.Contains(text, args[0]) {
					ts.Fatalf("%s does not contain %q", args[2], args[0])
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Replace(text, args[0], args[1], 1)), 0o600))
			},
			"release": releaseCommand,
			"append": func(ts *testscript.TestScript, _ bool, args []string) { // append FILE MORE
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+ts.ReadFile(args[1])), 0o600))
			},
			"ready": func(ts *testscript.TestScript, _ bool, args []string) {
				waitStatus(ts, args, func(control.Status) bool { return true })
			},
			"sent": func(ts *testscript.TestScript, _ bool, args []string) {
				waitStatus(ts, args, func(s control.Status) bool { return s.Sync.Online && s.Sync.Queued == 0 })
			},
			"retired": func(ts *testscript.TestScript, _ bool, args []string) { // every predecessor is
				waitFor(ts, args, func(ctx context.Context, c *control.Client) bool {
					s, err := c.Sync(ctx)
					return err == nil && !slices.ContainsFunc(s.Predecessors, func(p control.Predecessor) bool { return p.Retired.IsZero() })
				})
			},
		},
	})
}

// codeCommand runs a program and compares its exit code: code 2 clinicgate ...
func codeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// tokenCommand writes a token of the clinic with the guarded keyset that ends in
// some time, or has ended: token -5m lobby-1 FILE.
func tokenCommand(ts *testscript.TestScript, _ bool, args []string) {
	left, err := time.ParseDuration(args[0])
	ts.Check(err)
	const ttl = 60 * time.Minute
	all := emulator.Masks{".*": emulator.MayRead | emulator.MayWrite | emulator.MayGet | emulator.MayUpdate | emulator.MayJoin}
	text, err := ts.Value("guarded").(*emulator.Emulator).MintToken(emulator.Grant{
		TTL: int(ttl.Minutes()), Issued: time.Now().Add(left - ttl), UUID: args[1], ChannelPatterns: all, UUIDPatterns: all,
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text), 0o600))
}

// flipCommand damages every page of a store file that holds something, but for
// the two that say what the file is: flip store.db.
func flipCommand(ts *testscript.TestScript, _ bool, args []string) {
	const page = 4096
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	for at := 2 * page; at+page <= len(data); at += page {
		if data[at+600] != 0 {
			data[at+600] ^= 1
		}
	}
	ts.Check(os.WriteFile(path, data, 0o600))
}

// waitStatus waits until the service that a config file describes is as wanted:
// ready config.toml, sent config.toml.
func waitStatus(ts *testscript.TestScript, args []string, wanted func(control.Status) bool) {
	waitFor(ts, args, func(ctx context.Context, c *control.Client) bool {
		status, err := c.Status(ctx)
		return err == nil && wanted(status)
	})
}

func waitFor(ts *testscript.TestScript, args []string, wanted func(context.Context, *control.Client) bool) {
	path := config.ControlPath(ts.MkAbs(args[0]))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if client, err := control.Dial(ctx, path); err == nil {
			done := wanted(ctx, client)
			client.Close()
			if done {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("the service did not come to the wanted state")
}

func serveFake(path string, backend control.Backend) (stop func(), err error) {
	s, err := control.New(config.Control{Path: path}, backend, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	on := &control.Channel{}
	if err := s.Open(on); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() { cancel(); <-done; _ = on.Close() }, nil
}

// A line with control characters in it cannot steer the terminal, and a result
// with --json is one document.
func TestShow(t *testing.T) {
	var out, errOut strings.Builder
	term := terminal{out: &out, err: &errOut}
	err := term.show(nil, func(t *table) { t.row("a\x1b[2Jb", "", "é"); t.line("c\nd\u009b") })
	if err != nil || out.String() != "a?[2Jb  -  é\nc?d?\n" {
		t.Errorf("shown %q, %v", out.String(), err)
	}
	out.Reset()
	term.json = true
	if err := term.show(map[string]int{"n": 1}, nil); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version int
		Data    map[string]int
	}
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || doc.Version != 1 || doc.Data["n"] != 1 {
		t.Errorf("JSON %q, %v", out.String(), err)
	}
}

// run never leaves through os.Exit and never writes a result beside an error.
func TestRunErrors(t *testing.T) {
	var out, errOut strings.Builder
	code := run(t.Context(), []string{"status", "--control", filepath.Join(t.TempDir(), "none")}, strings.NewReader(""), &out, &errOut)
	if code != exitUnreachable || out.String() != "" {
		t.Errorf("status without a service: code %d, result %q", code, out.String())
	}
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "error: ") || !strings.HasPrefix(lines[1], "hint: ") {
		t.Errorf("errors %q, want an error line and a hint line", lines)
	}
}

// What keys init makes with --shared-keys is what keys import reads, and no key
// is shown on the way.
func TestSharedKeys(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.toml")
	settings := config.Default()
	for key, value := range map[string]string{
		"kiosk.id": "lobby-1", "kiosk.letter": "A", "kiosk.site": "main", "kiosk.organization": "riverside", "kiosk.zone": "Europe/Madrid",
		"pubnub.publish_key": "demo", "pubnub.subscribe_key": "demo", "storage.dir": "data", "control.path": "none.sock",
		"key_source.kind": "key-file", "key_source.file": "root.key",
	} {
		if err := settings.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(config.Sample(settings)), 0o600); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	do := func(stdin string, args ...string) int {
		return run(t.Context(), append(args, "--config", path), strings.NewReader(stdin), &shown, &shown)
	}
	shared := filepath.Join(folder, "shared.json")
	if code := do("", "keys", "init", "--generate", "--shared-keys", shared); code != exitOK {
		t.Fatalf("keys init: code %d\n%s", code, shown.String())
	}
	text, err := os.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	if code := do(string(text), "keys", "import"); code != exitOK {
		t.Fatalf("keys import: code %d\n%s", code, shown.String())
	}
	if code := do(string(text), "keys", "list", "--json"); code != exitOK {
		t.Fatalf("keys list: code %d\n%s", code, shown.String())
	}
	var forms []struct{ Kind, Value string }
	if err := json.Unmarshal(text, &forms); err != nil || len(forms) != 3 {
		t.Fatalf("shared keys: %v, %d of them", err, len(forms))
	}
	root, err := os.ReadFile(filepath.Join(folder, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{strings.Fields(string(root))[len(strings.Fields(string(root)))-1]}
	for _, f := range forms {
		secrets = append(secrets, f.Value, base64.StdEncoding.EncodeToString([]byte(f.Value)))
	}
	for _, s := range secrets {
		if strings.Contains(shown.String(), s) {
			t.Errorf("a key was shown: %s", s)
		}
	}
	if code := do("", "keys", "init", "--generate"); code != exitUsage {
		t.Errorf("a second keys init: code %d", code)
	}
}

// stopAfter ends what writes into it after so many writes.
type stopAfter struct {
	strings.Builder
	left int
	stop func()
}

func (w *stopAfter) Write(p []byte) (int, error) {
	if w.left--; w.left <= 0 {
		w.stop()
	}
	return w.Builder.Write(p)
}

// A screen that is watched is written again and again until it is stopped, as text or
// as one document a line, and goes on while no service answers.
func TestWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	stop, err := serveFake(path, fakeBackend())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, test := range []struct {
		control string
		json    bool
		want    string
	}{{path, false, "service   clinicgate v1.2.3"}, {path, true, `{"version":1,"data":{"version":"v1.2.3"`}, {path + "x", false, "service   no service answers"}} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &stopAfter{left: 2, stop: cancel}
		args := []string{"status", "--watch", "--control", test.control, "--config", path + ".toml"}
		if test.json {
			args = append(args, "--json")
		}
		var errOut strings.Builder
		if code := run(ctx, args, strings.NewReader(""), out, &errOut); code != exitOK {
			t.Errorf("%v: code %d, %s", args, code, errOut.String())
		}
		if n := strings.Count(out.String(), test.want); n != 2 {
			t.Errorf("%v: %d screens with %q, want 2:\n%s", args, n, test.want, out.String())
		}
	}
}

// A screen is at most 80 wide, and a colour never says what no word says.
func TestScreen(t *testing.T) {
	s, err := fakeStatus{}.Status(t.Context(), control.Caller{})
	if err != nil {
		t.Fatal(err)
	}
	s.Page.Desk, s.Sync.LastError = "https://desk.clinic.example:8472/", strings.Repeat("a long reason ", 20)
	var plain, coloured strings.Builder
	for _, one := range []struct {
		to      *strings.Builder
		colours bool
	}{{&plain, false}, {&coloured, true}} {
		if err := show(one.to, one.colours, func(t *table) { showStatus(t, s) }); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(plain.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > screenWidth {
			t.Errorf("%d wide: %s", n, line)
		}
	}
	without := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(coloured.String(), "")
	if without != plain.String() || without == coloured.String() {
		t.Errorf("without its colours:\n%s\nwant:\n%s", without, plain.String())
	}
}

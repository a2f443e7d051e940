//go:build e2e && linux

package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/storage/keyring"
)

// killBench has a stopped kiosk with unsent events, a backup of it, and the kiosk that
// may replace it, as files. They are worked on in one folder, since the configs name it.
type killBench struct {
	t      *testing.T
	binary string
	double *emulator.Emulator
	dir    string // where the kiosks are while they are worked on
	kept   string // as they are before each kill
}

const (
	renames = "?rename,?renameat,?renameat2"
	unlinks = "?unlink,?unlinkat"
	syncs   = "fsync,fdatasync"
)

func (b *killBench) command(args ...string) *exec.Cmd {
	c := exec.Command(b.binary, args...)
	c.Dir = b.dir
	return c
}

func (b *killBench) run(args ...string) string {
	b.t.Helper()
	out, err := b.command(args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// strace gives a strace that kills before the nth call on a path. What it watches
// ends with ctx too: it is in its process group, if strace started it.
func (b *killBench) strace(ctx context.Context, path, calls string, nth int, of ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "strace", append([]string{"-f", "-qq", "-o", os.DevNull, "-P", filepath.Join(b.dir, path), "-e", "trace=" + calls,
		"-e", "inject=" + calls + ":error=EIO:signal=KILL:when=" + strconv.Itoa(nth)}, of...)...)
	c.Dir = b.dir
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

// killed runs a command that is killed before the nth call on a path, and reports
// whether it came to that. strace counts the calls of each thread, and Go may move the
// work to another one before the nth: then everything is put back and it is tried again.
func (b *killBench) killed(path, calls string, nth int, args ...string) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	for range 30 {
		out, err := b.strace(ctx, path, calls, nth, append([]string{b.binary}, args...)...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
			return true
		}
		if err != nil || nth == 1 {
			b.t.Errorf("it was not killed: %v\n%s", err, out)
			return false
		}
		b.again()
	}
	b.t.Error("it was not killed in any of 30 runs")
	return false
}

// dial connects to the service of a config.
func (b *killBench) dial(ctx context.Context, cfg string) (*control.Client, error) {
	return control.Dial(ctx, filepath.Join(b.dir, strings.TrimSuffix(cfg, ".toml")+".run", "sock"))
}

// killedIn runs the service of a config, asks it for something, and kills it before
// the first call on a path that comes of that. It reports whether it came to that.
func (b *killBench) killedIn(path, calls, cfg string, ask func(context.Context, *control.Client)) bool {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	var log strings.Builder
	c := exec.CommandContext(ctx, b.binary, "run", "--config", cfg)
	c.Dir, c.Stdout, c.Stderr = b.dir, &log, &log
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	var client *control.Client
	for client == nil && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		if answers, err := b.dial(ctx, cfg); err == nil {
			if _, err := answers.Status(ctx); err == nil {
				client = answers
			} else {
				answers.Close()
			}
		}
	}
	if client == nil {
		_ = c.Wait() // killed: ctx has ended
		b.t.Fatalf("the service does not answer\n%s", log.String())
	}
	defer client.Close()
	tracer := b.strace(ctx, path, calls, 1, "-p", strconv.Itoa(c.Process.Pid))
	if err := tracer.Start(); err != nil {
		b.t.Fatal(err)
	}
	for !traced(b.t, c.Process.Pid) && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	ask(ctx, client)
	err := c.Wait()
	_ = tracer.Wait() // ends as what it watched did
	if ctx.Err() == nil && c.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	b.t.Errorf("it was not killed: %v\n%s", err, log.String())
	return false
}

// traced reports whether all threads of a process are.
func traced(t *testing.T, pid int) bool {
	list, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(list) == 0 {
		t.Fatalf("threads of %d: %v, %v", pid, list, err)
	}
	for _, path := range list {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("TracerPid:\t0\n")) {
			return false
		}
	}
	return true
}

// serve runs the service of a config until what is wanted is true, and stops it.
func (b *killBench) serve(cfg string, wanted func(context.Context, *control.Client) bool) {
	b.t.Helper()
	var log strings.Builder
	c := b.command("run", "--config", cfg)
	c.Stdout, c.Stderr = &log, &log
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	done := false
	for !done && ctx.Err() == nil {
		if client, err := b.dial(ctx, cfg); err == nil {
			done = wanted(ctx, client)
			client.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = c.Process.Signal(os.Interrupt) // it is waited for below
	err := c.Wait()
	if !done || err != nil {
		b.t.Fatalf("the service: %v\n%s", err, log.String())
	}
}

// onRecord looks for n entries of the audit log about what was done.
func (b *killBench) onRecord(kind, action string, n int) func(context.Context, *control.Client) bool {
	return func(ctx context.Context, c *control.Client) bool {
		l, err := c.AuditList(ctx, control.AuditQuery{Type: kind, Limit: 100})
		found := 0
		for _, e := range l.Events {
			if bytes.Contains(e, []byte(`"`+action+`"`)) {
				found++
			}
		}
		if err == nil && found != n {
			b.t.Errorf("%d entries %q of %d: %s", found, action, n, l.Events)
		}
		return err == nil
	}
}

// again puts everything as it was before.
func (b *killBench) again() {
	b.t.Helper()
	if err := errors.Join(os.RemoveAll(b.dir), os.CopyFS(b.dir, os.DirFS(b.kept))); err != nil {
		b.t.Fatal(err)
	}
	// CopyFS makes files for all to read; nothing here looks at that but the keyring.
	_ = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
}

func newKillBench(t *testing.T) *killBench {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("needs strace")
	}
	b := &killBench{t: t, binary: builtForMachine(t), double: emulator.New(emulator.Options{})}
	t.Cleanup(b.double.Close)
	server := httptest.NewServer(b.double)
	t.Cleanup(server.Close)
	root := t.TempDir()
	b.dir, b.kept = filepath.Join(root, "kiosk"), filepath.Join(root, "kept")
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "safe.key"), []byte(private.Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"old": "lobby-1", "new": "lobby-2", "spare": "lobby-3"} {
		at := func(file string) string { return filepath.Join(b.dir, file) }
		b.run("config", "init", "--path", name+".toml", "--set", "kiosk.id="+id, "--set", "kiosk.letter="+map[string]string{"old": "A", "new": "B", "spare": "C"}[name],
			"--set", "kiosk.site=main", "--set", "kiosk.organization=riverside", "--set", "kiosk.zone=Europe/Madrid", "--set", "storage.dir="+at(name), "--set", "key_source.kind=key-file",
			"--set", "key_source.file="+at(name+".key"), "--set", "control.path="+at(name+".run/sock"), "--set", "pubnub.origin="+server.Listener.Addr().String(), "--set", "pubnub.secure=false",
			"--set", "pubnub.publish_key=demo", "--set", "pubnub.subscribe_key=demo", "--set", "web.listen=127.0.0.1:0", "--set", "mqtt.listen=127.0.0.1:0")
	}
	b.run("keys", "init", "--generate", "--shared-keys", "shared.json", "--recovery", public.String(), "--config", "old.toml")
	b.run("keys", "init", "--generate", "--config", "new.toml")
	for _, cfg := range []string{"old.toml", "new.toml"} {
		c := b.command("keys", "import", "--config", cfg)
		in, err := os.Open(filepath.Join(b.dir, "shared.json"))
		if err != nil {
			t.Fatal(err)
		}
		c.Stdin = in
		out, err := c.CombinedOutput()
		if err := errors.Join(err, in.Close()); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	offline := b.double.Faults().Add(emulator.Rule{Action: emulator.Reset})
	b.serve("old.toml", func(ctx context.Context, c *control.Client) bool {
		_, err := c.Status(ctx)
		return err == nil
	})
	offline.Clear()
	out := b.run("store", "backup", filepath.Join(b.dir, "night.cgbackup"), "--config", "old.toml")
	if !strings.Contains(out, "not sent yet") {
		t.Fatal(out)
	}
	if err := os.CopyFS(b.kept, os.DirFS(b.dir)); err != nil {
		t.Fatal(err)
	}
	return b
}

// A command on a stopped kiosk is killed before each step that changes something.
// Nothing is lost, and the same command, given again, comes to its end.
func TestE2EKilledAtEachStep(t *testing.T) {
	b := newKillBench(t)
	type point struct {
		path, calls string
		nth         int
	}
	for _, op := range []struct {
		name   string
		args   []string
		points []point
		after  func(t *testing.T)                        // at once
		again  func(t *testing.T, err error, out string) // after the second run
	}{
		{
			name: "backup", args: []string{"store", "backup", filepath.Join(b.dir, "more.cgbackup"), "--config", "old.toml"},
			points: []point{{"more.cgbackup.new", "write", 1}, {"more.cgbackup.new", syncs, 1}, {"more.cgbackup.new", "read", 1}, {"more.cgbackup.new", renames, 1}},
			after: func(t *testing.T) {
				if _, err := os.Stat(filepath.Join(b.dir, "more.cgbackup")); err == nil {
					t.Error("there is a backup that was not finished")
				}
			},
			again: func(t *testing.T, err error, out string) {
				if err != nil || !strings.Contains(out, "read back and verified") {
					t.Errorf("%v\n%s", err, out)
				}
				b.run("store", "restore", "more.cgbackup", "--leave-unsent", "--config", "old.toml")
			},
		},
		{
			name: "restore", args: []string{"store", "restore", "night.cgbackup", "--leave-unsent", "--config", "old.toml"},
			points: []point{{"old/restore.new/store.db", syncs, 1}, {"old/restore.json.new", "write", 1}, {"old/restore.json.new", renames, 1},
				{"old/store.db", renames, 1}, {"old/restore.new/store.db", renames, 1}, {"old/store.id", renames, 1}, {"old/restore.new/store.id", renames, 1},
				{"old/head", renames, 1}, {"old/restore.new/head", renames, 1}, {"old/blobs", renames, 1}, {"old/restore.new/blobs", renames, 1},
				{"old/restore.new", unlinks, 1}, {"old/restore.json", unlinks, 1}},
			again: func(t *testing.T, err error, out string) {
				if err != nil || !strings.Contains(out, "restored") {
					t.Errorf("%v\n%s", err, out)
				}
				if out := b.run("store", "check", "--full", "--config", "old.toml"); !strings.Contains(out, "the file can be used") {
					t.Error(out)
				}
				b.serve("old.toml", func(ctx context.Context, c *control.Client) bool {
					s, err := c.Sync(ctx)
					return err == nil && s.Balanced && s.Queued == 0
				})
			},
		},
		{
			name: "takeover", args: []string{"store", "restore", "--replacement", "--recovery-key", "safe.key", "night.cgbackup", "--config", "new.toml"},
			points: []point{{"new/predecessors/lobby-1.new/store.db", syncs, 1}, {"new/predecessors/lobby-1.new/keyring.a.new", renames, 1},
				{"new/meanwhile.json.new", renames, 1}, {"new/keyring.a.new", renames, 1}, {"new/keyring.b.new", renames, 1},
				{"new/predecessors/lobby-1.new/predecessor.json.new", renames, 1}, {"new/predecessors/lobby-1.new", renames, 1}, {"new/predecessors", syncs, 1}},
			again: func(t *testing.T, err error, out string) {
				if err != nil && !strings.Contains(out, "was taken over already") {
					t.Errorf("%v\n%s", err, out)
				}
				b.serve("new.toml", func(ctx context.Context, c *control.Client) bool {
					s, err := c.Sync(ctx)
					if err != nil || len(s.Predecessors) != 1 || s.Predecessors[0].Retired.IsZero() {
						return false
					}
					if p := s.Predecessors[0].Counts; p.Accepted != p.Delivered {
						t.Errorf("%+v", p)
					}
					return s.Balanced
				})
			},
		},
		{
			// A change of the keyring is on record, whichever of the two it was killed between.
			name: "rotation", args: []string{"keys", "rotate", "queue", "--config", "old.toml"},
			// The first is of opening it.
			points: []point{{"old/keyring.a.new", renames, 2}, {"old/keyring.b.new", renames, 2}},
			again: func(t *testing.T, err error, out string) {
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				b.serve("old.toml", b.onRecord("KEY_ROTATED", "rotated queue while no service ran", 2))
			},
		},
		{
			name: "new keyring", args: []string{"keys", "init", "--generate", "--config", "spare.toml"},
			points: []point{{"spare/keyring.a.new", renames, 1}},
			again: func(t *testing.T, err error, out string) {
				if err != nil {
					t.Errorf("%v\n%s", err, out)
				}
				b.serve("spare.toml", b.onRecord("KEY_ROTATED", "made while no service ran", 2))
			},
		},
		{
			name: "decommission", args: []string{"decommission", "--yes", "--wait", "0s", "--force", "--reason", "sold", "--config", "old.toml"},
			points: []point{{"old/decommissioned.json.new", "write", 1}, {"old/decommissioned.json.new", renames, 1}, {"old/keyring.a", "write", 1},
				{"old/keyring.a", unlinks, 1}, {"old/keyring.b", unlinks, 1}, {"old.key", "write", 1}, {"old.key", unlinks, 1}, {"old/store.db", unlinks, 1}, {"old/store.id", unlinks, 1}},
			after: func(t *testing.T) {
				if _, err := os.Stat(filepath.Join(b.dir, "old", "decommissioned.json")); err == nil {
					return
				}
				if out := b.run("store", "check", "--full", "--config", "old.toml"); !strings.Contains(out, "the file can be used") {
					t.Errorf("it was not decided, and the store is gone:\n%s", out)
				}
			},
			again: func(t *testing.T, err error, out string) {
				if err != nil || !strings.Contains(out, "CERTIFICATE OF SANITIZATION") {
					t.Errorf("%v\n%s", err, out)
				}
				left, err := os.ReadDir(filepath.Join(b.dir, "old"))
				if err != nil || len(left) != 2 {
					t.Errorf("left: %v, %v", left, err)
				}
				if _, err := os.Stat(filepath.Join(b.dir, "old.key")); err == nil {
					t.Error("the key source is still there")
				}
			},
		},
	} {
		for _, p := range op.points {
			calls, _, _ := strings.Cut(strings.TrimPrefix(p.calls, "?"), ",")
			t.Run(op.name+" before "+calls+" of "+filepath.Base(p.path), func(t *testing.T) {
				b.t = t
				b.again()
				if !b.killed(p.path, p.calls, p.nth, op.args...) {
					return
				}
				if op.after != nil {
					op.after(t)
				}
				out, err := b.command(op.args...).CombinedOutput()
				op.again(t, err, string(out))
			})
		}
	}
}

// A change of the keyring that the running service is killed in is on record.
func TestE2EServiceKilledInKeyChange(t *testing.T) {
	b := newKillBench(t)
	for _, p := range []struct{ path, calls, says string }{
		{"old/keyring.a.new", renames, "rotated queue while the service ended"},
		{"old/meanwhile.json", unlinks, "rotated queue"}, // on record already: once
	} {
		b.again()
		if b.killedIn(p.path, p.calls, "old.toml", func(ctx context.Context, c *control.Client) {
			_, _ = c.KeyRotate(ctx, control.KeyRotate{Class: "queue"}) // the service is killed in it
		}) {
			b.serve("old.toml", b.onRecord("KEY_ROTATED", p.says, 1))
			b.serve("old.toml", b.onRecord("KEY_ROTATED", p.says, 1))
		}
	}
}

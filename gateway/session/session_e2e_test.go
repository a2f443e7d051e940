//go:build e2e && linux

package session_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/session"

	"golang.org/x/sys/unix"
)

var (
	times = flag.Int("times", 1, "how often what is done 10 times is done")
	bound = flag.Duration("bound", time.Minute, "how soon the page has to be back; beside other tests no figure is meant")
)

// A screen is a service and a kiosk session beside it: the real program, Chromium
// under Weston without a display, the session as an account without rights.
type screen struct {
	t       *testing.T
	dir     string // of all of it, in memory
	service *exec.Cmd
	session *exec.Cmd
	log     *os.File
}

// newScreen makes one; more are settings beside the usual ones.
func newScreen(t *testing.T, more ...string) *screen {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: the session runs as nobody beside it")
	}
	dir, err := os.MkdirTemp("/dev/shm", "cg-")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, dir: dir, log: log}
	t.Cleanup(func() {
		s.end(s.session, syscall.SIGTERM)
		s.end(s.service, syscall.SIGTERM)
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			t.Logf("what they said (%v):\n%s", err, text)
		}
		s.must(log.Close())
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	s.must(os.Chmod(dir, 0o755))
	build := exec.Command("go", "build", "-o", s.at("clinicgate"), "./cmd/clinicgate")
	build.Dir = "../.."
	s.run(build)
	sets := []string{"config", "init", "--path", s.at("config.toml")}
	zone := fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)
	for _, set := range append([]string{"kiosk.id=lobby-1", "kiosk.letter=A", "kiosk.site=main", "kiosk.organization=riverside", "kiosk.zone=" + zone, "kiosk.languages=[\"en\",\"es\",\"zh-Hans\",\"vi\",\"ar\"]",
		"pubnub.publish_key=demo", "pubnub.subscribe_key=demo", "pubnub.origin=127.0.0.1:9", "pubnub.secure=false",
		"storage.dir=" + s.at("data"), "key_source.file=" + s.at("passphrase"), "control.path=" + s.at("control.sock"), "control.group=nogroup", "web.listen=" + listen, "mqtt.listen=",
		"control.roles.kiosk_session=[\"user:nobody\"]", "kiosk_session.compositor=weston", "kiosk_session.compositor_options=[\"--backend=headless-backend.so\"]"}, more...) {
		sets = append(sets, "--set", set)
	}
	s.run(exec.Command(s.at("clinicgate"), sets...))
	text, err := os.ReadFile(s.at("config.toml"))
	s.must(err)
	s.must(os.WriteFile(s.at("config.toml"), append(text, "\n[[department]]\nid = \"cardiology\"\nname = { en = \"Cardiology\" }\n"...), 0o644))
	s.must(os.Chmod(s.at("config.toml"), 0o644))
	s.run(exec.Command(s.at("clinicgate"), "keys", "init", "--generate", "--config", s.at("config.toml")))

	// The policies are those of this test's browser only.
	s.must(os.MkdirAll(s.at("etc/policies/managed"), 0o755))
	s.must(os.WriteFile(s.at("etc/policies/managed/clinicgate.json"), []byte(session.PolicyFile("http://"+listen)), 0o644))
	s.must(os.Mkdir(s.at("run"), 0o700))
	s.must(os.Chown(s.at("run"), 65534, 65534))
	return s
}

const listen = "127.0.0.1:18470"

func (s *screen) at(name string) string { return filepath.Join(s.dir, name) }

func (s *screen) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) run(cmd *exec.Cmd) {
	s.t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
}

func (s *screen) startService() {
	s.t.Helper()
	s.service = exec.Command(s.at("clinicgate"), "run", "--config", s.at("config.toml"))
	s.service.Stderr = s.log
	s.must(s.service.Start())
}

func (s *screen) startSession() {
	s.t.Helper()
	s.session = exec.Command("unshare", "--mount", "--", "sh", "-c",
		`mkdir -p /etc/chromium && mount --bind "$1" /etc/chromium && if [ -d /sys/class/drm ]; then mount -t tmpfs none /sys/class/drm; fi && exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$2" kiosk-session --config "$3"`,
		"sh", s.at("etc"), s.at("clinicgate"), s.at("config.toml"))
	s.session.Env = []string{"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=" + s.at("run"), "LANG=C.UTF-8"}
	s.session.Stderr = s.log
	s.must(s.session.Start())
}

func (s *screen) end(cmd *exec.Cmd, how syscall.Signal) {
	if cmd == nil || cmd.ProcessState != nil {
		return
	}
	_ = cmd.Process.Signal(how)
	_ = cmd.Wait()
}

func (s *screen) ask(f func(context.Context, *control.Client) error) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	c, err := control.Dial(ctx, s.at("control.sock"))
	if err != nil {
		return err
	}
	defer c.Close()
	return f(ctx, c)
}

func (s *screen) seen() (seen control.PageSeen, err error) {
	err = s.ask(func(ctx context.Context, c *control.Client) error { seen, err = c.PageSeen(ctx); return err })
	return seen, err
}

// page is what is seen, asked until the service answers.
func (s *screen) page() control.PageSeen {
	s.t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		seen, err := s.seen()
		if err == nil {
			return seen
		}
		if time.Since(begun) > 2*time.Minute {
			s.t.Fatal(err)
		}
	}
}

// back waits until the page lives, in a way that ok knows to be after what was done,
// and tells how long that took.
func (s *screen) back(begun time.Time, ok func(control.PageSeen) bool) time.Duration {
	s.t.Helper()
	for {
		seen, err := s.seen()
		if err == nil && seen.Alive && ok(seen) {
			return time.Since(begun)
		}
		if time.Since(begun) > 2*time.Minute {
			s.t.Fatalf("the page is not back: %+v, %v", seen, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processes gives what the session started, by a part of the command line.
func (s *screen) processes(of ...string) (pids []int) {
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.must(err)
	for _, name := range all {
		line, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(line, []byte(s.dir)) && !bytes.Contains(line, []byte("--type=")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		s.must(err)
		if !s.ours(pid) {
			continue
		}
		text := string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		if !slices.ContainsFunc(of, func(want string) bool {
			no, never := strings.CutPrefix(want, "!")
			return strings.Contains(text, no) == never
		}) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ours reports whether a process comes from the session.
func (s *screen) ours(pid int) bool {
	for range 20 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if pid, err = strconv.Atoi(fields[1]); err != nil || pid <= 1 {
			return false
		}
		if pid == s.session.Process.Pid {
			return true
		}
	}
	return false
}

func (s *screen) kill(pids []int) {
	s.t.Helper()
	if len(pids) == 0 {
		s.t.Fatal("there is nothing to kill")
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.t.Fatal(err)
		}
	}
}

// get opens an address as another browser of this machine would.
func (s *screen) get(address string) int {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	s.must(err)
	r.Header.Set("Sec-Fetch-Site", "none")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	resp, err := client.Do(r)
	s.must(err)
	s.must(resp.Body.Close())
	return resp.StatusCode
}

// The page comes back by itself, whatever goes away.
func TestE2ESession(t *testing.T) {
	s := newScreen(t)
	s.startSession() // before the service: the screen asks for a moment
	time.Sleep(2 * time.Second)
	begun := time.Now()
	s.startService()
	t.Logf("from the service's start to the page: %v", s.back(begun, func(control.PageSeen) bool { return true }).Round(time.Millisecond))
	s.look()

	for _, part := range []struct {
		name  string
		times int
		do    func() func(control.PageSeen) bool
	}{
		{"browser killed", 4, func() func(control.PageSeen) bool {
			before := s.page()
			s.kill(s.processes("--user-data-dir="+s.dir, "!--type="))
			return func(now control.PageSeen) bool { return now.Launch != before.Launch }
		}},
		{"page crashed", 2, func() func(control.PageSeen) bool {
			before := s.page()
			s.kill(s.processes("--type=renderer"))
			return func(now control.PageSeen) bool { return now.Launch != before.Launch }
		}},
		{"service killed", 2, func() func(control.PageSeen) bool {
			s.end(s.service, syscall.SIGKILL)
			s.startService()
			return func(control.PageSeen) bool { return true }
		}},
		{"token reused", 2, func() func(control.PageSeen) bool {
			before := s.page()
			var thief control.Launched
			s.must(s.ask(func(ctx context.Context, c *control.Client) (err error) {
				thief, err = c.Launch(ctx, control.Launch{})
				return err
			}))
			first, again := s.get(thief.URL), s.get(thief.URL)
			if first != http.StatusSeeOther || again != http.StatusUnauthorized {
				t.Errorf("a token is answered %d, and used again %d", first, again)
			}
			return func(now control.PageSeen) bool {
				return now.Launch != "" && now.Launch != before.Launch && now.Launch != thief.ID
			}
		}},
	} {
		var took []time.Duration
		for range part.times * *times {
			begun := time.Now()
			ok := part.do()
			took = append(took, s.back(begun, ok))
			time.Sleep(time.Second) // the page is there for a moment, as it would be
		}
		slices.Sort(took)
		t.Logf("%s: %d times, median %v, max %v", part.name, len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
		if worst := took[len(took)-1]; worst > *bound {
			t.Errorf("%s: the page was away for %v", part.name, worst)
		}
	}
	s.look()
	s.leavesNothing()
}

// With a board on a second display, each window is on its own. There is no display here:
// a Weston stands for two in the windows of another, and its log has where it put what.
func TestE2ESessionBoard(t *testing.T) {
	s := newScreen(t, "kiosk_session.board=wayland1")
	text, err := os.ReadFile(s.at("config.toml"))
	s.must(err)
	const usual = `["--backend=headless-backend.so"]`
	nested := fmt.Sprintf(`["--backend=wayland-backend.so", "--display=%s", "--output-count=2", "--use-pixman", "--logger-scopes=log,proto", "--log=%s"]`, s.at("outer/outer"), s.at("run/weston.log"))
	if !bytes.Contains(text, []byte(usual)) {
		t.Fatal("the config has other options than this test replaces")
	}
	s.must(os.WriteFile(s.at("config.toml"), bytes.Replace(text, []byte(usual), []byte(nested), 1), 0o644))
	s.must(os.Mkdir(s.at("outer"), 0o700))
	s.must(os.Chown(s.at("outer"), 65534, 65534))
	outer := exec.Command("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "weston", "--no-config", "--backend=headless-backend.so", "--socket=outer", "--idle-time=0")
	outer.Env = []string{"PATH=/usr/bin:/bin", "XDG_RUNTIME_DIR=" + s.at("outer")}
	outer.Stdout, outer.Stderr = s.log, s.log
	s.must(outer.Start())
	t.Cleanup(func() { s.end(outer, syscall.SIGTERM) })
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(s.at("outer/outer")); err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("the outer Weston does not come up")
		}
	}
	s.startService()
	s.startSession()
	begun := time.Now()
	s.back(begun, func(control.PageSeen) bool { return true })
	var at map[string]string
	for ; at["clinicgate-page"] == "" || at["clinicgate-board"] == ""; time.Sleep(100 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("windows are at %v", at)
		}
		at = places(t, s.at("run/weston.log"))
	}
	if at["clinicgate-page"] != "0" || at["clinicgate-board"] != "1024" {
		t.Errorf("from the left edge of all displays, windows are at %v", at)
	}
}

var (
	itsOutput = regexp.MustCompile(`client (\w+) ev (wl_output@\d+)\.geometry\((\d+),`)
	itsName   = regexp.MustCompile(`client (\w+) rq xdg_toplevel@\d+\.set_app_id\("([^"]+)"\)`)
	itsPlace  = regexp.MustCompile(`client (\w+) ev wl_surface@\d+\.enter\((wl_output@\d+)\)`)
)

// places gives the left edge of the display that each browser's window is on, out of
// Weston's log of its protocol. Each browser is a client of its own with one window.
func places(t *testing.T, log string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	edge, name, at := map[string]string{}, map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		if m := itsOutput.FindStringSubmatch(line); m != nil {
			edge[m[1]+m[2]] = m[3]
		} else if m := itsName.FindStringSubmatch(line); m != nil {
			name[m[1]] = m[2]
		} else if m := itsPlace.FindStringSubmatch(line); m != nil && name[m[1]] != "" {
			at[name[m[1]]] = edge[m[1]+m[2]]
		}
	}
	return at
}

// look looks at the browser as it runs: no secret on a command line, no dumps, its
// sandbox, and no file on a disk that it could write to.
func (s *screen) look() {
	s.t.Helper()
	browser := s.processes("--type=renderer")
	if len(browser) == 0 {
		s.t.Error("no renderer runs")
	}
	all := s.processes()
	for _, pid := range all {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it ended meanwhile
		}
		if bytes.Contains(line, []byte("launch?t")) || bytes.Contains(line, []byte("--no-sandbox")) {
			s.t.Errorf("process %d: %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
		}
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		if err == nil && !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0 bytes") {
			s.t.Errorf("process %d may leave a dump:\n%s", pid, limits)
		}
		filter, err := os.ReadFile(fmt.Sprintf("/proc/%d/coredump_filter", pid))
		if err == nil && len(filter) > 0 && strings.TrimSpace(string(filter)) != "00000000" { // it is empty for one that ends
			s.t.Errorf("process %d may hand over a dump with its memory: %s", pid, filter)
		}
		open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		s.must(err)
		for _, fd := range open {
			var st unix.Stat_t
			var fs unix.Statfs_t
			if unix.Stat(fd, &st) != nil || unix.Statfs(fd, &fs) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || fs.Type == unix.TMPFS_MAGIC {
				continue
			}
			info, err := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(fd)), "fdinfo", filepath.Base(fd)))
			name, _ := os.Readlink(fd) // its name is for the message
			if err != nil {
				continue
			}
			_, flags, _ := strings.Cut(string(info), "flags:")
			if fields := strings.Fields(flags); len(fields) > 0 && !strings.HasSuffix(fields[0], "0") && !strings.HasPrefix(name, "/proc/") && !strings.HasPrefix(name, "/memfd:") {
				s.t.Errorf("process %d writes %s on a disk", pid, name)
			}
		}
	}
}

// leavesNothing ends the session: no process, no profile and no dump is left.
func (s *screen) leavesNothing() {
	s.t.Helper()
	before := s.processes()
	s.end(s.session, syscall.SIGTERM)
	end := time.Now().Add(30 * time.Second)
	for _, pid := range before {
		for { // they end by themselves, when the machine comes to it
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil || len(line) == 0 {
				break
			}
			if time.Now().After(end) {
				s.t.Errorf("left running: %d %s", pid, line[:min(len(line), 200)])
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	var left []string
	for again := true; again; time.Sleep(100 * time.Millisecond) {
		left = nil
		s.must(filepath.WalkDir(s.at("run"), func(name string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && d.Name() != "lock" {
				left = append(left, name)
			}
			if errors.Is(err, os.ErrNotExist) { // it went as it was looked at
				return nil
			}
			return err
		}))
		again = len(left) > 0 && time.Now().Before(end)
	}
	if len(left) > 0 {
		s.t.Errorf("left in memory: %s", left)
	}
	for _, dir := range []string{s.dir, "/tmp", "/var/crash", "/var/lib/systemd/coredump", "."} {
		dumps, err := filepath.Glob(filepath.Join(dir, "core*"))
		s.must(err)
		for _, name := range dumps {
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) < time.Hour {
				s.t.Errorf("a dump: %s", name)
			}
		}
	}
}

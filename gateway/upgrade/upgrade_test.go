package upgrade

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/upgrade/signature"
)

func TestConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		if err := m.plan(m.release("1.1.0", "good", nil)); err != nil {
			t.Fatal(err)
		}
		if err := m.keeper().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := m.state()
		if s.Stage != None || s.Last.Result != Confirmed || !strings.Contains(m.installed(), "1.1.0") || len(s.Refused) != 0 {
			t.Errorf("%+v, installed %q", s, m.installed())
		}
		if kept, err := os.ReadFile(Old(m.program)); err != nil || string(kept) != oldProgram {
			t.Errorf("the old program is kept as %q, %v", kept, err)
		}
		if len(m.told) != 2 || m.told[0].Type != Started || m.told[1].Type != Approved || m.told[1].By != "ada" {
			t.Errorf("told %+v", m.told)
		}
	})
}

// A service manager that goes down with the machine refuses what it is asked for. No
// version is blamed for it: the process is cut off, or asks again.
func TestManagerRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, last := range []int{3, 1000} {
			m := newMachine(t)
			if err := m.plan(m.release("1.1.0", "good", nil)); err != nil {
				t.Fatal(err)
			}
			m.refuses = last
			if err := m.keeper().Run(t.Context()); last < 10 && err != nil {
				t.Fatal(err)
			}
			s := m.state()
			if last < 10 && s.Last.Result != Confirmed || len(s.Refused) != 0 {
				t.Errorf("after %d refusals: %+v", last, s)
			}
		}
	})
}

// Whatever is wrong with a build, the old one serves patients again within 60 s,
// and that build is refused afterwards.
func TestBroken(t *testing.T) {
	for does, reason := range map[string]string{
		"garbage and more": "ends again and again", // no program at all
		"exits":            "ends again and again",
		"crashes":          "ends again and again",
		"hangs":            "does not answer",
		"store":            "store does not commit",
		"page":             "page does not answer",
		"page-dead":        "page does not answer", // although it says so
		"devices":          "does not see device printer",
	} {
		t.Run(does, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				file := m.release("1.1.0", does, nil)
				if err := m.plan(file); err != nil {
					t.Fatal(err)
				}
				if err := m.keeper().Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				s := m.state()
				if s.Last.Result != RolledBack || m.installed() != oldProgram || m.does != "good" || !strings.Contains(s.Last.Reason, reason) {
					t.Fatalf("%+v, installed %q, which is %s", s.Last, m.installed(), m.does)
				}
				t.Logf("the old program served again after %v: %s", s.Last.Away, s.Last.Reason)
				if s.Last.Away > time.Minute {
					t.Errorf("patients waited %v", s.Last.Away)
				}
				if last := m.told[len(m.told)-1]; last.Type != Returned || last.Reason == "" {
					t.Errorf("told %+v", m.told)
				}
				if err := m.plan(file); err == nil || !strings.Contains(err.Error(), "1.1.0 is refused") {
					t.Errorf("offered again: %v", err)
				}
				if err := m.plan(m.release("1.1.0", "good", nil)); err == nil || !strings.Contains(err.Error(), "1.1.0 is refused") {
					t.Errorf("another build of its name: %v", err)
				}
				// The same bytes under another name.
				r := m.release("1.1.0", does, func(r *signature.Release) { r.Version = "1.1.1" })
				if err := m.plan(r); err == nil || !strings.Contains(err.Error(), "1.1.1 is refused") {
					t.Errorf("under another name: %v", err)
				}
				if err := m.plan(m.release("1.2.0", "good", nil)); err != nil {
					t.Errorf("a later version: %v", err)
				}
			})
		})
	}
}

// A program that the service manager does not start proves nothing by the one that it
// does start.
func TestOtherProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		o := m.order(m.release("1.1.0", "nothing", nil))
		o.Program = m.program + "-copy"
		if err := errors.Join(os.WriteFile(o.Program, []byte(oldProgram), 0o755), os.MkdirAll(m.dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Plan(m.dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := m.keeper().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := m.state(); s.Last.Result != RolledBack || s.Last.Reason != "the service runs another program" || m.does != "good" {
			t.Errorf("%+v, and what runs is %s", s.Last, m.does)
		}
	})
}

func TestRefusedBefore(t *testing.T) {
	m := &machine{t: t, dir: t.TempDir(), program: filepath.Join(t.TempDir(), "clinicgate")}
	if err := os.WriteFile(m.program, []byte(oldProgram), 0o755); err != nil {
		t.Fatal(err)
	}
	m.key, _ = signature.NewPrivate()
	other := *m
	other.key, _ = signature.NewPrivate()
	unsigned := m.release("1.1.0", "good", nil)
	changed := m.release("1.1.0", "good", nil)
	if err := errors.Join(os.Remove(unsigned+signature.Suffix), os.WriteFile(changed, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(t.TempDir(), "clinicgate_1.1.0_amd64.deb")
	if err := os.WriteFile(deb, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		unsigned:                               "no signature",
		changed:                                "does not fit",
		other.release("1.1.0", "good", nil):    "not known here",
		m.release("0.9.0", "good", nil):        "older than 1.0.0",
		m.release("1.0.0", "good", nil):        "runs already",
		m.release("1.0.0~rc1", "good", nil):    "older than 1.0.0",
		deb:                                    "not a release that this command takes",
		filepath.Join(t.TempDir(), "x.tar.gz"): "cannot open",
		m.release("1.1.0", "good", func(r *signature.Release) { r.Target = "linux/arm64" }): "is for linux/arm64",
		m.release("1.1.0", "good", func(r *signature.Release) { r.Store = 2 }):              "no way back",
		m.release("1.1.0", "good", func(r *signature.Release) { r.Store = 0 }):              "does not say which format",
	} {
		err := m.plan(file)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || e.Next == "" {
			t.Errorf("%s: %v, want %q with a next step", filepath.Base(file), err, want)
		}
	}
	o := m.order(m.release("1.1.0", "good", nil))
	o.Free = func(string) (int64, error) { return 10, nil }
	if _, err := o.Plan(m.dir, time.Now()); err == nil || !strings.Contains(err.Error(), "are free") {
		t.Errorf("on a full disk: %v", err)
	}
	if s := m.state(); s.Stage != None {
		t.Errorf("something was planned: %+v", s)
	}
	o = m.order(m.release("0.9.0", "good", nil))
	o.Trust.Downgrade = true
	if _, err := o.Plan(m.dir, time.Now()); err != nil {
		t.Errorf("an older one that is meant: %v", err)
	}
	if err := m.plan(m.release("1.2.0", "good", nil)); err == nil || !strings.Contains(err.Error(), "goes on") {
		t.Errorf("a second order: %v", err)
	}
	if s, err := Cancel(m.dir, time.Now()); err != nil || s.Stage != None || s.Last.Result != NotDone {
		t.Errorf("cancelled: %+v, %v", s, err)
	}
	if err := m.plan(m.release("1.2.0", "good", nil)); err != nil {
		t.Errorf("after that: %v", err)
	}
}

// It waits for the window and for who is at the page, and not for ever.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		o := m.order(m.release("1.1.0", "good", nil))
		o.Window = &Window{From: 23 * time.Hour, To: time.Hour, Zone: "Europe/Madrid"}
		if _, err := o.Plan(m.dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		m.busy = true
		left := time.AfterFunc(50*time.Hour, func() { m.busy = false })
		defer left.Stop()
		began := time.Now()
		if err := m.keeper().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := m.state().Last
		if done.Result != Confirmed || time.Since(began) < 50*time.Hour {
			t.Errorf("%+v after %v", done, time.Since(began))
		}
		zone, err := time.LoadLocation("Europe/Madrid")
		if err != nil {
			t.Fatal(err)
		}
		if h := done.At.In(zone).Hour(); h != 23 && h != 0 {
			t.Errorf("done at %v, outside of the window", done.At.In(zone))
		}
		m.busy = true
		o = m.order(m.release("1.2.0", "good", nil))
		o.Trust.Version = "1.1.0"
		if _, err := o.Plan(m.dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		before := m.installed()
		if err := m.keeper().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := m.state(); s.Last.Result != NotDone || m.installed() != before || len(s.Refused) != 0 {
			t.Errorf("with somebody at the page: %+v", s)
		}
	})
}

// The power is cut at every step, and then at every step of what goes on after that:
// there always is one of the two programs, whole, and the end is the right one.
func TestPowerCut(t *testing.T) {
	cuts := 0
	for _, does := range []string{"good", "hangs"} {
		for first := 1; ; first++ {
			again := true
			for second := 1; again; second++ {
				reached := false
				synctest.Test(t, func(t *testing.T) { reached, again = cutTwice(t, does, first, second) })
				if reached {
					cuts++
				}
				if !reached {
					again = false
				}
			}
			if first > 30 {
				t.Fatal("a keeper without an end")
			}
			end := false
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				if err := m.plan(m.release("1.1.0", does, nil)); err != nil {
					t.Fatal(err)
				}
				end = !m.until(first)
			})
			if end {
				break
			}
		}
	}
	t.Logf("%d pairs of power cuts", cuts)
}

func cutTwice(t *testing.T, does string, first, second int) (reached, again bool) {
	m := newMachine(t)
	if err := m.plan(m.release("1.1.0", does, nil)); err != nil {
		t.Fatal(err)
	}
	whole := []string{oldProgram, "clinicgate 1.1.0 " + does + "\n"}
	cut := func(n int) bool {
		was := m.until(n)
		if at := m.installed(); !slices.Contains(whole, at) {
			t.Fatalf("%s, cut %d, %d: %q is installed", does, first, second, at)
		}
		m.boot()
		return was
	}
	if !cut(first) {
		return false, false
	}
	again = cut(second)
	if err := m.keeper().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := m.state()
	where := fmt.Sprintf("%s, cut %d, %d: %+v", does, first, second, s.Last)
	if s.Stage != None {
		t.Errorf("%s: stage %s", where, s.Stage)
	}
	if does == "good" {
		if s.Last.Result != Confirmed || m.installed() != whole[1] {
			t.Error(where)
		}
		return true, again
	}
	if s.Last.Result != RolledBack || m.installed() != oldProgram || len(s.Refused) != 1 {
		t.Error(where)
	}
	time.Sleep(startTime)
	if sight, err := m.Look(t.Context()); err != nil || !sight.Store {
		t.Errorf("%s: the old one does not serve: %v", where, err)
	}
	return true, again
}

func TestVersions(t *testing.T) {
	order := []string{"(devel)", "0.0.0+20261122212000.79faff9abcde", "0.0.0+20261123212000.19faff9abcde", "0.9.0", "1.0.0~rc1", "1.0.0", "1.0.0+20261122212000.1", "1.0.1", "1.10.0", "2.0.0"}
	for i, a := range order {
		for j, b := range order {
			if got := compare(a, b); got != sign(i-j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
	if compare("v0.0.0-20261122212000-79faff9abcde", "0.0.0+20261122212000.79faff9abcde") != 0 {
		t.Error("a program's own name of a commit is not the package's")
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("1.0.0", "1.0.0~rc1")
	f.Fuzz(func(t *testing.T, a, b string) {
		if compare(a, b) != -compare(b, a) {
			t.Errorf("%q and %q", a, b)
		}
	})
}

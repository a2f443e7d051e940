package service_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"clinicgate/gateway/service"
)

// kiosk is a machine whose service begins and ends.
type kiosk struct {
	t      *testing.T
	dir    string
	boot   string
	uptime time.Duration
}

func (k *kiosk) begin() (*service.Exits, int, time.Duration) {
	k.t.Helper()
	e := service.NewExits(k.dir, k.boot, func() time.Duration { return k.uptime })
	n, away, err := e.Begin()
	if err != nil {
		k.t.Fatal(err)
	}
	return e, n, away
}

// dies begins a process some times, each of which ends some time later by itself,
// and wants every one to be a start.
func (k *kiosk) dies(times int, after time.Duration) {
	k.t.Helper()
	for i := range times {
		if _, n, away := k.begin(); away != 0 {
			k.t.Fatalf("start %d after %d exits waits %v", i+1, n, away)
		}
		k.uptime += after
	}
}

func TestExitsSendToDesk(t *testing.T) {
	k := &kiosk{t: t, dir: t.TempDir(), boot: "one", uptime: time.Hour}
	k.dies(5, 3*time.Second)
	want := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute}
	for i, w := range want {
		_, n, away := k.begin()
		if away != w {
			t.Fatalf("round %d: %d exits, at the desk for %v, want %v", i, n, away, w)
		}
		k.uptime += away + time.Second // it tries, and dies
	}
}

func TestExitsOfOtherKinds(t *testing.T) {
	for name, between := range map[string]func(*kiosk, *service.Exits){
		"clean stops":  func(_ *kiosk, e *service.Exits) { _ = e.Clean() },
		"other boots":  func(k *kiosk, _ *service.Exits) { k.boot += "x" },
		"far apart":    func(k *kiosk, _ *service.Exits) { k.uptime += 3 * time.Minute },
		"long service": func(k *kiosk, e *service.Exits) { _ = e.Ready(); k.uptime += service.ExitWindow; _ = e.Steady() },
		"no boot id":   func(k *kiosk, _ *service.Exits) { k.uptime -= time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			k := &kiosk{t: t, dir: t.TempDir(), boot: "one", uptime: 10 * time.Hour}
			for i := range 12 {
				e, n, away := k.begin()
				if away != 0 {
					t.Fatalf("start %d after %d exits waits %v", i, n, away)
				}
				between(k, e)
			}
		})
	}
}

// Somebody who stops the service while people are at the desk wants the next start
// tried at once; one that got ready has its five exits again.
func TestExitsAfterDesk(t *testing.T) {
	k := &kiosk{t: t, dir: t.TempDir(), boot: "one", uptime: time.Hour}
	k.dies(5, time.Second)
	e, _, away := k.begin()
	if away == 0 {
		t.Fatal("no desk")
	}
	if err := e.Clean(); err != nil {
		t.Fatal(err)
	}
	k.dies(5, time.Second)
	e, _, away = k.begin()
	if away != time.Minute {
		t.Fatalf("at the desk for %v", away)
	}
	k.uptime += away
	if err := e.Ready(); err != nil {
		t.Fatal(err)
	}
	k.uptime += 11 * time.Minute // it dies before it was steady, once
	if _, n, away := k.begin(); n != 1 || away != 0 {
		t.Errorf("%d exits, at the desk for %v", n, away)
	}
}

// What is on the disk never keeps a kiosk from starting.
func TestExitsFile(t *testing.T) {
	for _, text := range []string{"", "{", `{"v":2}`, `{"v":1,"boot":"one","running":true,"exits":[-1,99999999999999]}`, `{"v":1,"boot":"one","away":-5,"running":true,"exits":[1,2,3]}`} {
		k := &kiosk{t: t, dir: t.TempDir(), boot: "one", uptime: time.Hour}
		if err := os.WriteFile(filepath.Join(k.dir, "exits.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, away := k.begin(); away != 0 {
			t.Errorf("%s: waits %v", text, away)
		}
	}
	e := service.NewExits(filepath.Join(t.TempDir(), "none"), "one", func() time.Duration { return 0 })
	if _, away, err := e.Begin(); err == nil || away != 0 {
		t.Errorf("no folder: %v, %v", away, err)
	}
}

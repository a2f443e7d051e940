package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

// plug makes a simulated scanner that is there until the test ends.
func plug(t *testing.T, dir, name string) *simulator.SerialPort {
	t.Helper()
	p, err := simulator.NewSerialPort(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return p
}

// TestATechnicianTestsAndReplacesAScanner: the guided test is on the path that
// patients use, its code reaches no page, another unit is taken into use only after
// it passed, outlives a restart, and gives way to a changed config.
func TestATechnicianTestsAndReplacesAScanner(t *testing.T) {
	dir := t.TempDir()
	first, second := plug(t, dir, "first"), plug(t, dir, "second")
	c := newClinic(t, func(cfg *config.Config) {
		cfg.Devices = []config.Device{{ID: "front", Class: "scanner", Port: first.Path()}}
	})
	unit := func(port string) control.DeviceAwait {
		return control.DeviceAwait{DeviceUnit: control.DeviceUnit{ID: "front", Port: port}, Seconds: 20, Code: true}
	}
	// await scans again and again until the test at the port has what it waits for:
	// a scan that came too early was a patient's.
	await := func(port string, from *simulator.SerialPort, scan string, want func(control.DeviceRead) bool) control.DeviceRead {
		t.Helper()
		stop := make(chan struct{})
		var wg sync.WaitGroup
		defer wg.Wait()
		defer close(stop)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					_, _ = from.Write([]byte(scan + "\r")) // unplugged for a moment, or not yet opened
				}
			}
		})
		for range 20 {
			r, err := c.control.AwaitDevice(t.Context(), unit(port))
			if err != nil {
				t.Fatal(err)
			}
			if want(r) {
				return r
			}
		}
		t.Fatal("the test at the port never had what it waits for")
		return control.DeviceRead{}
	}
	matched := func(r control.DeviceRead) bool { return r.Matched }
	refused := func(what string, err error, code control.Code) {
		t.Helper()
		var e *control.Error
		if !errors.As(err, &e) || e.Code != code || e.Next == "" {
			t.Errorf("%s: %v, want a refusal as %s with a next step", what, err, code)
		}
	}

	if r := await("", first, "PATIENT-CODE", func(r control.DeviceRead) bool { return r.Read }); r.Matched || r.Length != len("PATIENT-CODE") || r.Kind != "unknown" {
		t.Errorf("another code: %+v", r)
	}
	_, err := c.control.JudgeDevice(t.Context(), control.DeviceVerdict{DeviceUnit: control.DeviceUnit{ID: "front"}, Passed: true})
	refused("passed without a success", err, control.Conflict)
	if r := await("", first, control.TestCode, matched); r.State != "attached" {
		t.Errorf("the test's code: %+v", r)
	}
	if r, err := c.control.JudgeDevice(t.Context(), control.DeviceVerdict{DeviceUnit: control.DeviceUnit{ID: "front"}, Passed: true}); err != nil || !r.Passed || r.Port != first.Path() {
		t.Errorf("judged: %+v, %v", r, err)
	}

	other := control.DeviceUnit{ID: "front", Port: second.Path()}
	_, err = c.control.ReplaceDevice(t.Context(), other)
	refused("replaced untested", err, control.Conflict)
	await(second.Path(), second, control.TestCode, matched)
	_, err = c.control.ReplaceDevice(t.Context(), other)
	refused("replaced unjudged", err, control.Conflict)
	if _, err := c.control.JudgeDevice(t.Context(), control.DeviceVerdict{DeviceUnit: other, Passed: true}); err != nil {
		t.Fatal(err)
	}
	d, err := c.control.ReplaceDevice(t.Context(), other)
	if err != nil || d.Binding != second.Path() || d.Configured != first.Path() {
		t.Fatalf("replaced: %+v, %v", d, err)
	}
	await("", second, control.TestCode, matched)
	_, err = c.control.AwaitDevice(t.Context(), control.DeviceAwait{DeviceUnit: control.DeviceUnit{ID: "back"}, Seconds: 1})
	refused("unknown device", err, control.NotFound)
	_, err = c.control.TryDevice(t.Context(), control.DeviceUnit{ID: "front"})
	refused("a scanner has nothing to show", err, control.Invalid)

	again := func(change func()) {
		t.Helper()
		if err := c.stop(); err != nil {
			t.Fatal(err)
		}
		change()
		c.start()
	}
	again(func() {})
	list, err := c.control.Devices(t.Context())
	if err != nil || len(list.Devices) != 1 || list.Devices[0].Binding != second.Path() || !list.Devices[0].Passed {
		t.Errorf("after a restart: %+v, %v", list, err)
	}
	if tested, replaced := c.audited(kiosk.DeviceTested), c.audited(kiosk.DeviceReplaced); len(tested) != 2 || len(replaced) != 1 {
		t.Errorf("the audit log has %q and %q", tested, replaced)
	}
	if strings.Contains(c.log.String(), "PATIENT-CODE") || strings.Contains(c.log.String(), control.TestCode) {
		t.Error("the log has what was scanned")
	}

	again(func() { c.cfg.Devices[0].Port = "/dev/ttyS99" })
	if list, err := c.control.Devices(t.Context()); err != nil || list.Devices[0].Binding != "/dev/ttyS99" || list.Devices[0].Configured != "" {
		t.Errorf("after the config names another port: %+v, %v", list, err)
	}
}

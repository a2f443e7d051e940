//go:build vm && linux

package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/simulator"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
)

// The lines of the simulated chip.
const (
	helpButton = 1
	sensor     = 2
	helpLamp   = 4
	queueLamp  = 5
	bell       = 6
)

// TestVMHelpButton is a kiosk with a button, a sensor, two lamps and a bell, whole:
// from the edge on the button's line to the level on the lamp's.
func TestVMHelpButton(t *testing.T) {
	chip, err := simulator.NewGPIOChip("lobby", 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chip.Close() })
	drive := func(line int, high bool) {
		t.Helper()
		if err := chip.Drive(line, high); err != nil {
			t.Fatal(err)
		}
	}
	lit := func(line int) bool {
		t.Helper()
		high, err := chip.Level(line)
		if err != nil {
			t.Fatal(err)
		}
		return high
	}
	// blinks counts the changes of a line.
	blinks := func(line int, d time.Duration) (n int) {
		t.Helper()
		was := lit(line)
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if now := lit(line); now != was {
				was = now
				n++
			}
		}
		return n
	}
	drive(helpButton, true) // the resistor; a press pulls it down
	c := newClinic(t, func(cfg *config.Config) {
		cfg.Devices = []config.Device{
			{ID: "help-button", Class: devices.Button, Port: "gpio:lobby/1"},
			{ID: "front-sensor", Class: devices.Presence, Port: "gpio:LOBBY-2", Hold: config.Duration{Duration: time.Second}},
			{ID: "help-lamp", Class: devices.Lamp, Port: "gpio:lobby/4"},
			{ID: "queue-lamp", Class: devices.Lamp, Port: "gpio:lobby/5", Shows: []config.Signal{config.SignalWaiting, config.SignalCalled}},
			{ID: "bell", Class: devices.Sounder, Port: "gpio:lobby/6"},
			{ID: "not-there", Class: devices.Lamp, Port: "gpio:attic/0"},
		}
	})
	c.eventually("five devices are attached and one is missed, with a hint", func() bool {
		list, err := c.control.Devices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		attached, missed := 0, false
		for _, d := range list.Devices {
			if d.State == string(devices.Attached) {
				attached++
			}
			missed = missed || d.ID == "not-there" && d.State == string(devices.Lost) && d.Hint != ""
		}
		return attached == 5 && missed
	})
	b := c.browser()
	page := func(what string, so func(help string, present bool) bool) {
		t.Helper()
		c.eventually(what, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			v, err := b.Until(ctx, "attract")
			return err == nil && so(v.Help, v.Present)
		})
	}

	drive(sensor, true)
	page("the page sees that somebody came", func(_ string, present bool) bool { return present })
	drive(sensor, false)
	page("and left", func(_ string, present bool) bool { return !present })

	if lit(helpLamp) || lit(bell) {
		t.Error("lamp or bell is on before anybody called")
	}
	pressed := time.Now()
	drive(helpButton, false)
	for !lit(helpLamp) {
		if time.Since(pressed) > 30*time.Second {
			t.Fatalf("no lamp after a press\n%s", c.log.String())
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("lamp on %v after the button's edge", time.Since(pressed).Round(time.Millisecond))
	drive(helpButton, true)
	if n := blinks(helpLamp, 2*time.Second); n < 6 {
		t.Errorf("the lamp changed %d times in 2 s of a call", n)
	}
	if n := blinks(bell, 4*time.Second); n < 5 {
		t.Errorf("the bell changed %d times in 4 s of a call", n)
	}
	page("the page says that staff are called", func(help string, _ bool) bool { return help == "called" || help == "desk" })

	// It is on until a person answers, whatever becomes of the service.
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	if lit(helpLamp) || lit(bell) {
		t.Error("lamp or bell is on while the service is stopped")
	}
	c.start()
	c.eventually("lamp and bell go on after a restart", func() bool { return blinks(helpLamp, time.Second) > 2 && blinks(bell, 4*time.Second) > 4 })
	b = c.browser()
	calls, err := c.control.HelpList(t.Context())
	if err != nil || len(calls.Help) != 1 || calls.Help[0].Kind != "need-help" || calls.Help[0].Kiosk != "lobby-1" {
		t.Fatalf("calls %+v, %v, want one of the kiosk", calls, err)
	}
	log, err := c.control.AuditList(t.Context(), control.AuditQuery{Limit: 10, Type: "EMERGENCY_ESCALATION_TRIGGERED"})
	if err != nil || len(log.Events) != 1 || !strings.Contains(string(log.Events[0]), `"actor":{"role":"device","userId":"help-button"}`) {
		t.Errorf("audit %s, %v, want the call in the button's name", log.Events, err)
	}
	if _, err := c.control.AcknowledgeHelp(t.Context(), control.AcknowledgeHelp{ID: calls.Help[0].ID}); err != nil {
		t.Fatal(err)
	}
	c.eventually("lamp and bell are off once a person has answered", func() bool {
		return blinks(helpLamp, time.Second) == 0 && !lit(helpLamp) && blinks(bell, time.Second) == 0 && !lit(bell)
	})

	if lit(queueLamp) {
		t.Error("the queue's lamp is on while nobody waits")
	}
	ticket := c.typed(b, c.admit("apt-1"))
	c.eventually("the queue's lamp is on while somebody waits", func() bool { return lit(queueLamp) })
	if _, err := c.control.CallEntry(t.Context(), control.CallEntry{Entry: ticket}); err != nil {
		t.Fatal(err)
	}
	if n := blinks(queueLamp, 4*time.Second); n < 4 || n > 6 {
		t.Errorf("a call changed the lamp %d times, want three pauses in its light", n)
	}
	if err := c.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	for _, line := range []int{helpLamp, queueLamp, bell} {
		if lit(line) {
			t.Errorf("line %d is on after the end", line)
		}
	}
}

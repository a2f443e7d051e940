package gateway

import (
	"cmp"
	"context"
	"errors"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/gpio"
	"clinicgate/devices/printer"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"

	"github.com/google/uuid"
)

// Await waits for the next reading of a unit under test. What was read is compared
// here and goes nowhere.
func (u *units) Await(ctx context.Context, _ control.Caller, in control.DeviceAwait) (control.DeviceRead, error) {
	d, err := u.configured(in.DeviceUnit)
	if err != nil {
		return control.DeviceRead{}, err
	}
	if in.Seconds < 1 || in.Seconds > maxAwait {
		return control.DeviceRead{}, &control.Error{Code: control.Invalid, Message: "seconds are 1 to 25", Next: "ask again for more"}
	}
	type arrival struct {
		devices.Reading
		took time.Duration
	}
	got := make(chan arrival, 1)
	unit, release, err := u.hold(ctx, d, func(_ context.Context, r devices.Reading) error {
		select {
		case got <- arrival{r, time.Since(r.At)}:
		default: // one is enough
		}
		return nil
	})
	if err != nil {
		return control.DeviceRead{}, err
	}
	defer release()
	u.log.Debug("what a device reads goes to its test", "device", d.ID)
	if _, is := unit.(devices.Output); is {
		return control.DeviceRead{}, &control.Error{Code: control.Invalid, Message: "this device reads nothing", Next: "`clinicgate devices test` has it do something"}
	}
	var r arrival
	var read bool
	t := time.NewTimer(time.Duration(in.Seconds) * time.Second)
	defer t.Stop()
	select {
	case r = <-got:
		read = true
	case <-t.C:
	case <-ctx.Done():
		return control.DeviceRead{}, ctx.Err()
	}
	status := unit.Status()
	out := control.DeviceRead{Device: u.shown(status), Read: read, Kind: r.Kind, Verdict: string(r.Verdict), Why: r.Reason,
		Symbology: r.Symbology, Length: r.Length, Micros: r.took.Microseconds()}
	if !read {
		return out, nil
	}
	out.Matched = r.Verdict != devices.Damaged
	if in.Code {
		out.Matched = r.Verdict == devices.Good && r.Value.Reveal() == control.TestCode
	}
	if out.Matched {
		u.saw(d, r.took, status.Firmware)
	}
	return out, nil
}

// attachLimit is how long a unit that was just plugged in may take.
const attachLimit = 5 * time.Second

// Try has a unit under test do what a person notices.
func (u *units) Try(ctx context.Context, _ control.Caller, in control.DeviceUnit) (control.DeviceTried, error) {
	d, err := u.configured(in)
	if err != nil {
		return control.DeviceTried{}, err
	}
	command, notice := testCommand(d)
	if notice == "" {
		return control.DeviceTried{}, &control.Error{Code: control.Invalid, Message: "this device does nothing that can be noticed", Next: "`clinicgate devices test` waits for what it reads"}
	}
	unit, release, err := u.hold(ctx, d, func(context.Context, devices.Reading) error { return nil })
	if err != nil {
		return control.DeviceTried{}, err
	}
	defer release()
	out, ok := unit.(devices.Output)
	if !ok {
		return control.DeviceTried{}, &control.Error{Code: control.Invalid, Message: "this device does nothing that can be noticed", Next: "`clinicgate devices test` waits for what it reads"}
	}
	for end := time.Now().Add(attachLimit); unit.Status().State != devices.Attached && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(50 * time.Millisecond)
	}
	command.ID = uuid.NewString()
	began := time.Now()
	err = out.Do(ctx, command)
	took := time.Since(began)
	if err != nil {
		f := devices.FaultOf(err)
		hint := f.Hint
		if _, said := errors.AsType[*devices.Fault](err); !said {
			hint = cmp.Or(unit.Status().Hint, hint)
		}
		return control.DeviceTried{}, &control.Error{Code: control.Unavailable, Message: "the device did not do it: " + f.Reason, Next: hint}
	}
	status := unit.Status()
	u.saw(d, took, status.Firmware)
	return control.DeviceTried{Device: u.shown(status), Notice: notice, Micros: took.Microseconds()}, nil
}

// testCommand gives what an output of a class does in a test, and what a person
// notices then. No notice: nothing.
func testCommand(d config.Device) (devices.Command, string) {
	switch d.Class {
	case devices.Lamp:
		return devices.Command{Verb: gpio.VerbShow, Args: map[string]string{gpio.ArgPattern: "pulse-3"}}, "Does the lamp light up three times?"
	case devices.Sounder:
		return devices.Command{Verb: gpio.VerbSound, Args: map[string]string{gpio.ArgPattern: "pulse-3"}}, "Does it sound three times?"
	case devices.Printer:
		// No patient has this number: they begin at 1.
		ticket := printer.Ticket{Number: "A-000", Language: "en", At: time.Now()}
		return devices.Command{Verb: printer.PrintTicket, Args: ticket.Args()}, "Did a ticket with the number A-000 come out, easy to read and cut off?"
	}
	return devices.Command{}, ""
}

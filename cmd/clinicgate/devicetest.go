package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"
	"github.com/spf13/cobra"

	"clinicgate/devices"
	"clinicgate/gateway/control"
)

const (
	// testRounds times awaitSeconds is how long a person has to do what is asked.
	testRounds   = 3
	awaitSeconds = 20
)

func (a *app) devicesTest() *cobra.Command {
	var sheet string
	c := &cobra.Command{
		Use:   "test [ID]...",
		Short: "Test devices with a person: scan, tap, press, look",
		Long: `Goes through the named devices, or through all of them, and asks for what a patient
would do: scan the code that is shown, tap a card, press the button; or has an output do
something and asks whether it was noticed. It is the path that patients use; what is
read meanwhile goes to the test and not to the page, and is never shown. How long the
device took, and its firmware where it tells it, are kept and published.

--sheet writes the code to scan as a picture to print and carry.
Exit code 5 when a device did not pass.`,
		RunE: func(c *cobra.Command, args []string) error {
			if sheet != "" {
				if err := qrcode.WriteFile(control.TestCode, qrcode.Medium, 512, sheet); err != nil {
					return fmt.Errorf("cannot write the code to scan: %w", err)
				}
				a.say("the code to scan is in %s", sheet)
			}
			client, err := a.dial(c.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Devices(c.Context())
			if err != nil {
				return err
			}
			ids := args
			if len(ids) == 0 {
				for _, d := range list.Devices {
					ids = append(ids, d.ID)
				}
			}
			t := a.tester(client)
			results := []control.DeviceTested{}
			failed := false
			for _, id := range ids {
				i := slices.IndexFunc(list.Devices, func(d control.Device) bool { return d.ID == id })
				if i < 0 {
					return &mistake{err: fmt.Errorf("no device %q is configured", id), hint: "`clinicgate devices list` shows them"}
				}
				r, err := t.test(c.Context(), list.Devices[i], control.DeviceUnit{ID: id})
				if err != nil {
					return err
				}
				failed = failed || !r.Passed
				results = append(results, r)
			}
			if err := a.show(results, func(t *table) { testedShown(t, results) }); err != nil {
				return err
			}
			if failed {
				return &found{"not every device passed", "`clinicgate devices list` says what is wrong with each"}
			}
			return nil
		},
	}
	c.Flags().StringVar(&sheet, "sheet", "", "write the code to scan to this PNG file")
	return c
}

func testedShown(t *table, results []control.DeviceTested) {
	if len(results) == 0 {
		t.line("no device is configured")
		return
	}
	t.row("DEVICE", "CLASS", "PASSED", "TOOK", "FIRMWARE")
	for _, r := range results {
		took := ""
		if r.Micros > 0 {
			took = fmt.Sprintf("%.1f ms", float64(r.Micros)/1000)
		}
		t.row(r.ID, r.Class, yesNo(r.Passed), took, r.Firmware)
	}
}

// tester asks a person at the terminal. What it says goes beside the result.
type tester struct {
	*app
	client *control.Client
	in     *bufio.Scanner
}

func (a *app) tester(c *control.Client) *tester {
	return &tester{a, c, bufio.NewScanner(a.stdin)}
}

func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.err, "%s\n", strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return printable(r)
	}, fmt.Sprintf(format, args...)))
}

// test goes through one unit and has the service keep how it ended.
func (t *tester) test(ctx context.Context, d control.Device, unit control.DeviceUnit) (control.DeviceTested, error) {
	var passed bool
	var err error
	switch devices.Class(d.Class) {
	case devices.Lamp, devices.Sounder, devices.Printer, devices.Display, devices.Door:
		passed, err = t.look(ctx, d, unit)
	default:
		passed, err = t.read(ctx, d, unit)
	}
	if err != nil {
		return control.DeviceTested{}, err
	}
	return t.client.JudgeDevice(ctx, control.DeviceVerdict{DeviceUnit: unit, Passed: passed})
}

// asked is what a person does before an input.
func asked(class string) string {
	switch devices.Class(class) {
	case devices.Scanner:
		return "scan this code"
	case devices.NFC:
		return "tap any card"
	case devices.Button:
		return "press the button; while the test waits for it, it calls nobody"
	case devices.Presence:
		return "step before the kiosk"
	case devices.Vitals:
		return "take a measurement"
	}
	return "use the device"
}

// read waits for the device to read what the person presents.
func (t *tester) read(ctx context.Context, d control.Device, unit control.DeviceUnit) (bool, error) {
	code := devices.Class(d.Class) == devices.Scanner
	t.say("%s: %s (%d s; Ctrl-C ends)", d.ID, asked(d.Class), testRounds*awaitSeconds)
	if code {
		q, err := qrcode.New(control.TestCode, qrcode.Medium)
		if err != nil {
			return false, err
		}
		fmt.Fprint(t.err, q.ToSmallString(false))
	}
	fault := ""
	for range testRounds {
		r, err := t.client.AwaitDevice(ctx, control.DeviceAwait{DeviceUnit: unit, Seconds: awaitSeconds, Code: code})
		if err != nil {
			return false, err
		}
		switch {
		case r.Matched:
			t.say("%s: read it, %d bytes, in %.1f ms", d.ID, r.Length, float64(r.Micros)/1000)
			return true, nil
		case r.Read && r.Why != "":
			t.say("%s: read something else (%s: %s)", d.ID, r.Verdict, r.Why)
		case r.Read:
			t.say("%s: read something else (%s, %d bytes)", d.ID, r.Kind, r.Length)
		case r.Reason != "" && r.Reason != fault:
			fault = r.Reason
			t.say("%s: %s", d.ID, fault)
			if r.Hint != "" {
				t.say("hint: %s", r.Hint)
			}
		}
	}
	t.say("%s: nothing came", d.ID)
	return false, nil
}

// look has the device do something and asks whether it was noticed.
func (t *tester) look(ctx context.Context, d control.Device, unit control.DeviceUnit) (bool, error) {
	r, err := t.client.TryDevice(ctx, unit)
	if err != nil {
		var refused *control.Error
		if !errors.As(err, &refused) || refused.Code != control.Unavailable {
			return false, err
		}
		t.say("%s: %s", d.ID, refused.Message)
		if refused.Next != "" {
			t.say("hint: %s", refused.Next)
		}
		return false, nil
	}
	t.say("%s: done in %.1f ms. %s [y/n]", d.ID, float64(r.Micros)/1000, r.Notice)
	return t.yes(), nil
}

// yes reads one answer. The end of the input is a no.
func (t *tester) yes() bool {
	for range 5 {
		if !t.in.Scan() {
			return false
		}
		switch strings.ToLower(strings.TrimSpace(t.in.Text())) {
		case "y", "yes":
			return true
		case "n", "no":
			return false
		}
		t.say("y or n?")
	}
	return false
}

func (a *app) devicesReplace() *cobra.Command {
	var port string
	c := &cobra.Command{
		Use:   "replace ID",
		Short: "Take another unit into use in a device's place",
		Long: `Tests the new unit as ` + "`devices test`" + ` does and, if it passed, gives it the place of the
device at once and for good, without a restart and without an edit of the config. The
list shows both ports; once the config names another port, that one counts.

With one free unit plugged in it is found; otherwise --port names it, as the list of
what is plugged in shows it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.dial(c.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Devices(c.Context())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list.Devices, func(d control.Device) bool { return d.ID == args[0] })
			if i < 0 {
				return &mistake{err: fmt.Errorf("no device %q is configured", args[0]), hint: "`clinicgate devices list` shows them"}
			}
			if port == "" {
				if port, err = freePort(list, list.Devices[i]); err != nil {
					return err
				}
			}
			unit := control.DeviceUnit{ID: args[0], Port: port}
			a.say("the new unit of %s is at %s", args[0], port)
			r, err := a.tester(client).test(c.Context(), list.Devices[i], unit)
			if err != nil {
				return err
			}
			if !r.Passed {
				return &found{"the new unit did not pass; the old one keeps its place", "check its cable and settings, or name another with --port"}
			}
			d, err := client.ReplaceDevice(c.Context(), unit)
			if err != nil {
				return err
			}
			return a.show(d, func(t *table) {
				t.line("%s is in use at %s", d.ID, d.Binding)
				if d.Configured != "" {
					t.line("the config still says %q: change it there when you can", d.Configured)
				}
			})
		},
	}
	c.Flags().StringVar(&port, "port", "", "port of the new unit (default: the only free one that is plugged in)")
	return c
}

// freePort finds the one unit that no device uses and that is reached in the same
// way: a keyboard takes the place of no serial scanner, and a GPIO chip that of none.
func freePort(l control.Devices, of control.Device) (string, error) {
	switch of.Mode {
	case "gpio":
		return "", &mistake{err: errors.New("which line of a chip is wired to what cannot be found"), hint: "name it with --port gpio:CHIP/LINE; `clinicgate devices list` shows the chips"}
	case "page", "spi", "network", "mqtt":
		return "", &mistake{err: fmt.Errorf("a unit that is reached by %s cannot be found", of.Mode), hint: "name its port with --port, as the config does"}
	}
	var free []string
	for _, p := range l.Ports {
		if p.Mode == of.Mode && !slices.ContainsFunc(l.Devices, func(d control.Device) bool {
			binding := strings.TrimPrefix(d.Binding, serialPrefix)
			return binding == p.Identity || binding == p.Path || d.Where == p.Path
		}) {
			free = append(free, p.Identity)
		}
	}
	switch len(free) {
	case 1:
		if of.Mode == "" && devices.Class(of.Class) == devices.Printer {
			return serialPrefix + free[0], nil
		}
		return free[0], nil
	case 0:
		return "", &mistake{err: errors.New("no free unit is plugged in that is reached in the same way"), hint: "plug the new unit in, or name its port with --port"}
	}
	return "", &mistake{err: fmt.Errorf("%d free units are plugged in: %s", len(free), strings.Join(free, ", ")), hint: "name the new one with --port"}
}

// serialPrefix begins the port of a printer on a serial line.
const serialPrefix = "serial:"

// tested says how a device did when a person last tested it.
func tested(d control.Device, now time.Time) string {
	switch {
	case d.Tested.IsZero():
		return ""
	case d.Passed:
		return ago(d.Tested, now)
	}
	return "failed " + ago(d.Tested, now)
}

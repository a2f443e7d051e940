package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"clinicgate/devices"
)

// answer is what a device said to a command.
type answer struct {
	ok     bool
	reason string
}

// outcome gives nil for what was done.
func (a answer) outcome() error {
	if a.ok {
		return nil
	}
	return &devices.Fault{Reason: "the device did not do it: " + a.reason, Hint: "look at the device"}
}

// outcome is how a command ended, kept so that its repeat does nothing.
type outcome struct {
	id  string
	err error
}

// ErrUnsure is in the error of a command of which it is not known whether it was sent.
var ErrUnsure = errors.New("it is not known whether the command was sent")

const answerDeadline = 10 * time.Second

// outputs are the classes that take commands.
func outputs() []devices.Class {
	return []devices.Class{devices.Lamp, devices.Sounder, devices.Display, devices.Door, devices.Printer}
}

// switched are those of them that are on or off, which other makers' devices do.
func switched() []devices.Class {
	return []devices.Class{devices.Lamp, devices.Sounder, devices.Door}
}

// The forms of arguments. No schema has a place for something about a person: a
// number is the ticket's, a room is the clinic's own label.
var (
	patternForm = regexp.MustCompile(`^(off|on|blink|fast-blink|alarm|pulse-[1-9]|pulse-1[0-9]|pulse-20)$`)
	ticketForm  = regexp.MustCompile(`^([A-Z]-[0-9]{3,5})?$`)
	labelForm   = regexp.MustCompile(`^[\pL\pN ,.;:()'/&-]{0,80}$`)
	minutesForm = regexp.MustCompile(`^[0-9]{1,4}$`)
	codeForm    = regexp.MustCompile(`^(TKT1:[A-Z2-7]{26})?$`)
	tagForm     = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
	timeForm    = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$`)
)

// schema gives the verb of a class and the form of each of its arguments.
func schema(class devices.Class) (verb string, args map[string]*regexp.Regexp) {
	switch class {
	case devices.Lamp:
		return "show", map[string]*regexp.Regexp{"pattern": patternForm}
	case devices.Sounder:
		return "sound", map[string]*regexp.Regexp{"pattern": patternForm}
	case devices.Door:
		return "open", nil
	case devices.Display:
		return "show", map[string]*regexp.Regexp{"number": ticketForm, "room": labelForm}
	case devices.Printer:
		return "print-ticket", map[string]*regexp.Regexp{"number": ticketForm, "where": labelForm, "wait-low": minutesForm, "wait-high": minutesForm,
			"code": codeForm, "language": tagForm, "at": timeForm}
	}
	return "", nil
}

// Verbs lists what a class of devices can be told to do.
func Verbs(class devices.Class) []string {
	if verb, _ := schema(class); verb != "" {
		return []string{verb}
	}
	return nil
}

// Label reports whether a command may carry s as a room or as where to wait.
func Label(s string) bool { return labelForm.MatchString(s) }

// Allowed reports whether a class has a verb with such arguments: all of the
// schema's and no others.
func Allowed(class devices.Class, verb string, args map[string]string) error {
	want, forms := schema(class)
	if want == "" || verb != want {
		return fmt.Errorf("verb of a %s: %w", class, devices.ErrUnsupported)
	}
	if len(args) != len(forms) {
		return fmt.Errorf("arguments of %s: %w", verb, devices.ErrUnsupported)
	}
	for name, value := range args {
		if form, ok := forms[name]; !ok || !form.MatchString(value) {
			return fmt.Errorf("argument of %s: %w", verb, devices.ErrUnsupported)
		}
	}
	return nil
}

// Output is a Device of a class that acts.
type Output struct{ *Device }

// Do publishes the command and waits for the device's answer; other makers'
// devices give none, and the broker's acknowledgement counts. What a display
// shows is retained, so that one that was off shows it when it is back.
func (d Output) Do(ctx context.Context, c devices.Command) error {
	if err := Allowed(d.cfg.Class, c.Verb, c.Args); err != nil {
		return err
	}
	if c.ID == "" || len(c.ID) > 64 {
		return fmt.Errorf("command has no id of 1 to 64 bytes: %w", devices.ErrUnsupported)
	}
	d.mu.Lock()
	if i := slices.IndexFunc(d.done, func(o outcome) bool { return o.id == c.ID }); i >= 0 {
		defer d.mu.Unlock()
		return d.done[i].err
	}
	_, twice := d.waiting[c.ID]
	if !d.there || d.sink == nil || twice || len(d.waiting) >= maxWaits {
		defer d.mu.Unlock()
		if twice || d.there && d.sink != nil {
			return errors.New("the device is busy with earlier commands")
		}
		return devices.ErrAbsent
	}
	came := make(chan answer, 1)
	d.waiting[c.ID] = came
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	err := d.send(ctx, c, came)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.waiting, c.ID)
	if errors.Is(err, devices.ErrAbsent) {
		return err // nothing happened: it may be tried again
	}
	if d.done = append(d.done, outcome{c.ID, err}); len(d.done) > maxDone {
		d.done = slices.Delete(d.done, 0, 1)
	}
	if err == nil {
		d.link.Count(func(n *devices.Counters) { n.Commands++ })
	}
	return err
}

func (d *Device) send(ctx context.Context, c devices.Command, came chan answer) error {
	if d.cfg.Speaks != "" {
		return d.flip(ctx, c)
	}
	topic := Topic{d.station.site, d.station.kiosk, string(d.cfg.Class), d.name, LeafCommand}.String()
	payload, err := json.Marshal(map[string]any{"v": 1, "id": c.ID, "verb": c.Verb, "args": c.Args, "expires": time.Now().Add(answerDeadline).UTC().Format(time.RFC3339)})
	if err != nil {
		return fmt.Errorf("cannot encode a command: %w", err)
	}
	err = d.tell(ctx, topic, payload, d.cfg.Class == devices.Display)
	if err == nil {
		select {
		case a := <-came:
			return a.outcome()
		case <-ctx.Done():
			err = &devices.Fault{Reason: "the device did not answer", Hint: "look whether it did it; check its power and its radio", Err: ctx.Err()}
		}
	}
	select {
	case a := <-came: // whatever became of the time or of the broker
		return a.outcome()
	default:
		return err
	}
}

// tell publishes a command; devices.ErrAbsent where there is no broker.
func (d *Device) tell(ctx context.Context, topic string, payload []byte, retain bool) error {
	switch err := d.station.deps.Publish(ctx, d.by(), topic, payload, retain); {
	case errors.Is(err, ErrNotConnected):
		return devices.ErrAbsent
	case err != nil:
		return &devices.Fault{Reason: "the command could not be sent", Hint: "clinicgate status shows the broker", Err: errors.Join(ErrUnsure, err)}
	}
	return nil
}

// answered gives an answer to whoever waits for it.
func (d *Device) answered(id string, ok bool, reason string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	came, waits := d.waiting[id]
	if waits {
		select {
		case came <- answer{ok, reason}:
		default: // said already
		}
	}
	return waits
}

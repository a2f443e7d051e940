package gpio

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"clinicgate/devices"
)

func output(t *testing.T, b *workbench, class devices.Class, cfg Config) *Output {
	t.Helper()
	cfg.ID, cfg.Line = "output", "gpio:bench/2"
	o, err := newOutput(class, cfg, b.deps())
	if err != nil {
		t.Fatal(err)
	}
	o.open = b.open
	return o
}

// do gives a command with the verb of the class.
func do(t *testing.T, o *Output, id, pattern string) {
	t.Helper()
	verb := VerbShow
	if o.Info().Class == devices.Sounder {
		verb = VerbSound
	}
	if err := o.Do(t.Context(), devices.Command{ID: id, Verb: verb, Args: map[string]string{ArgPattern: pattern}}); err != nil {
		t.Errorf("Do %s = %v, want nil", pattern, err)
	}
}

// since gives what the line did since the last look.
func (b *workbench) since() (levels []change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	levels = b.levels
	if n := len(levels); n > 0 {
		b.levels = []change{levels[n-1]}
	}
	b.begun = time.Now()
	return levels
}

func wantLevels(t *testing.T, b *workbench, want ...gpio.Level) {
	t.Helper()
	var got []gpio.Level
	for _, c := range b.since() {
		got = append(got, c.l)
	}
	if !slices.Equal(got, want) {
		t.Errorf("levels %v, want %v", got, want)
	}
}

const (
	hi = gpio.High
	lo = gpio.Low
)

func TestLampPatterns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Lamp, Config{})
		runs(t, o, b, func() {
			wantLevels(t, b, lo)
			do(t, o, "1", On)
			time.Sleep(2 * time.Hour)
			wantLevels(t, b, lo, hi)
			do(t, o, "2", Blink)
			time.Sleep(2400 * time.Millisecond)
			wantLevels(t, b, hi, lo, hi, lo, hi)
			do(t, o, "3", Off)
			time.Sleep(time.Minute)
			wantLevels(t, b, hi, lo)
			do(t, o, "4", "pulse-3")
			time.Sleep(time.Minute)
			wantLevels(t, b, lo, hi, lo, hi, lo, hi, lo)
			do(t, o, "5", On)
			do(t, o, "6", "pulse-2") // over what is there, which then goes on
			time.Sleep(time.Minute)
			wantLevels(t, b, lo, hi, lo, hi, lo, hi)
			do(t, o, "7", FastBlink)
			time.Sleep(10 * time.Second)
			if n := len(b.since()); n < 50 || n > 60 {
				t.Errorf("%d changes in 10 s, want just under three flashes a second", n)
			}
		})
		wantLast(t, b, lo)
	})
}

func wantLast(t *testing.T, b *workbench, want gpio.Level) {
	t.Helper()
	if levels := b.since(); levels[len(levels)-1].l != want {
		t.Errorf("at the end the line is %v, want %v", levels[len(levels)-1].l, want)
	}
}

// A lamp on a line that lights at low is off at start and end, too.
func TestLampActiveLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Lamp, Config{Active: "low"})
		runs(t, o, b, func() {
			wantLevels(t, b, hi)
			do(t, o, "1", On)
			wantLevels(t, b, hi, lo)
		})
		wantLast(t, b, hi)
	})
}

// An alarm goes on until it is stopped; no sound in it is long, and after the
// limit it comes once a minute.
func TestSounderAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Sounder, Config{Limit: time.Minute})
		runs(t, o, b, func() {
			b.since()
			do(t, o, "1", Alarm)
			time.Sleep(59 * time.Second)
			full := b.since()
			if len(full) < 100 {
				t.Errorf("%d changes in the first minute, want an alarm", len(full))
			}
			time.Sleep(2 * time.Second)
			do(t, o, "again", Alarm) // asked for again, it does not begin again
			b.since()
			time.Sleep(10 * time.Minute)
			late := b.since()
			if len(late) < 50 || len(late) > 70 {
				t.Errorf("%d changes in ten minutes after the limit, want six a minute", len(late))
			}
			for _, list := range [][]change{full, late} {
				for i := 1; i < len(list); i++ {
					if list[i-1].l == hi && list[i].at-list[i-1].at > 500*time.Millisecond {
						t.Errorf("it sounded for %v, want short sounds", list[i].at-list[i-1].at)
					}
				}
			}
			do(t, o, "2", Off)
			b.since()
			time.Sleep(10 * time.Minute)
			wantLevels(t, b, lo)
		})
	})
}

func TestOutputDoesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Lamp, Config{})
		runs(t, o, b, func() {
			b.since()
			do(t, o, "1", "pulse-1")
			time.Sleep(time.Minute)
			wantLevels(t, b, lo, hi, lo)
			do(t, o, "1", "pulse-1")
			time.Sleep(time.Minute)
			wantLevels(t, b, lo)
			if n := o.Status().Counters.Commands; n != 1 {
				t.Errorf("%d commands counted, want 1", n)
			}
		})
	})
}

func TestOutputAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Lamp, Config{})
		runs(t, o, b, func() {
			do(t, o, "1", On)
			b.take(true)
			time.Sleep(2 * time.Second)
			if st := o.Status(); st.State != devices.Lost || st.Hint == "" {
				t.Errorf("status %+v, want lost with a hint", st)
			}
			show := devices.Command{ID: "2", Verb: VerbShow, Args: map[string]string{ArgPattern: Off}}
			if err := o.Do(t.Context(), show); !errors.Is(err, devices.ErrAbsent) {
				t.Errorf("Do without hardware = %v, want ErrAbsent", err)
			}
			do(t, o, "1", On) // what was done stays done
			b.since()
			b.take(false)
			time.Sleep(3 * time.Second)
			wantLevels(t, b, hi, lo, hi) // off first, then as it was
			do(t, o, "2", Off)           // what was not done can be done under the same id
			wantLast(t, b, lo)
		})
		if err := o.Do(t.Context(), devices.Command{ID: "3", Verb: VerbShow, Args: map[string]string{ArgPattern: On}}); !errors.Is(err, devices.ErrAbsent) {
			t.Errorf("Do after the end = %v, want ErrAbsent", err)
		}
	})
}

// A new run is off until the first command, whatever was asked for before.
func TestOutputStartsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		o := output(t, b, devices.Lamp, Config{})
		runs(t, o, b, func() { do(t, o, "1", On) })
		b.since()
		runs(t, o, b, func() { wantLevels(t, b, lo) })
	})
}

func TestCommandsAreClosed(t *testing.T) {
	for _, c := range []struct {
		class   devices.Class
		verb    string
		args    map[string]string
		allowed bool
	}{
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: "pulse-20"}, true},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: "pulse-21"}, false},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: "pulse-0"}, false},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: "pulse-+3"}, false},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: "pulse-03"}, false},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: Alarm}, false},
		{devices.Lamp, VerbShow, map[string]string{ArgPattern: On, "for": "1h"}, false},
		{devices.Lamp, VerbShow, nil, false},
		{devices.Lamp, VerbSound, map[string]string{ArgPattern: Off}, false},
		{devices.Sounder, VerbSound, map[string]string{ArgPattern: Alarm}, true},
		{devices.Sounder, VerbSound, map[string]string{ArgPattern: "pulse-5"}, true},
		{devices.Sounder, VerbSound, map[string]string{ArgPattern: "pulse-6"}, false},
		{devices.Sounder, VerbSound, map[string]string{ArgPattern: On}, false}, // a sound without end
	} {
		b := newBench()
		o := output(t, b, c.class, Config{})
		err := o.Do(context.Background(), devices.Command{ID: "1", Verb: c.verb, Args: c.args})
		if errors.Is(err, devices.ErrUnsupported) == c.allowed {
			t.Errorf("%s %s %v = %v, want allowed %v", c.class, c.verb, c.args, err, c.allowed)
		}
	}
}

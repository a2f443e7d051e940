package devices_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
)

type fake struct {
	info devices.Info
	run  func(context.Context, devices.Sink) error
}

func (f *fake) Info() devices.Info                            { return f.info }
func (f *fake) Probe(context.Context) devices.Probe           { return devices.ProbeOf("here", nil) }
func (f *fake) Run(ctx context.Context, s devices.Sink) error { return f.run(ctx, s) }
func (f *fake) Status() devices.Status                        { return devices.Status{Info: f.info} }

type fakeLamp struct {
	fake
	did []devices.Command
}

func (l *fakeLamp) Do(_ context.Context, c devices.Command) error {
	l.did = append(l.did, c)
	return nil
}

func TestSetRunsAllAndOutlivesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gaveUp, readings int
		broken := &fake{devices.Info{ID: "broken"}, func(context.Context, devices.Sink) error {
			gaveUp++
			return errors.New("no such chip")
		}}
		good := &fake{devices.Info{ID: "good"}, func(ctx context.Context, sink devices.Sink) error {
			for ctx.Err() == nil {
				if err := sink(ctx, devices.Reading{}); err != nil {
					return err
				}
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			return nil
		}}
		set, err := devices.NewSet(slog.New(slog.DiscardHandler), broken, good)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := set.Run(ctx, func(context.Context, devices.Reading) error { readings++; return nil }); err != nil {
			t.Errorf("Run = %v", err)
		}
		if readings < 3600 {
			t.Errorf("%d readings of the good device in an hour", readings)
		}
		if gaveUp < 60 || gaveUp > 80 {
			t.Errorf("the broken device ran %d times in an hour, want a pause that grows to a minute", gaveUp)
		}
	})
}

func TestSet(t *testing.T) {
	lamp := &fakeLamp{fake: fake{info: devices.Info{ID: "lamp", Class: devices.Lamp}}}
	scanner := &fake{info: devices.Info{ID: "scanner"}}
	set, err := devices.NewSet(slog.New(slog.DiscardHandler), lamp, scanner)
	if err != nil {
		t.Fatal(err)
	}
	c := devices.Command{ID: "1", Verb: "blink"}
	if err := set.Do(t.Context(), "lamp", c); err != nil || len(lamp.did) != 1 || lamp.did[0].Verb != "blink" {
		t.Errorf("Do = %v, lamp did %v", err, lamp.did)
	}
	if err := set.Do(t.Context(), "scanner", c); !errors.Is(err, devices.ErrUnsupported) {
		t.Errorf("Do of an input = %v, want ErrUnsupported", err)
	}
	if err := set.Do(t.Context(), "door", c); !errors.Is(err, devices.ErrUnknown) {
		t.Errorf("Do of nothing = %v, want ErrUnknown", err)
	}
	reports, all := set.Probe(t.Context()), set.Status()
	if len(reports) != 2 || reports[1].ID != "scanner" || reports[1].Outcome != devices.Ready || len(all) != 2 || all[0].ID != "lamp" {
		t.Errorf("Probe = %+v, Status = %+v, want both in their order", reports, all)
	}
	for _, bad := range [][]devices.Device{{lamp, lamp}, {&fake{info: devices.Info{ID: "A"}}}} {
		if _, err := devices.NewSet(slog.New(slog.DiscardHandler), bad...); err == nil {
			t.Error("NewSet takes a double or an unusable id")
		}
	}
}

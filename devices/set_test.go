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

func TestSetReplacesAUnit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unit := func(name string) *fake {
			return &fake{devices.Info{ID: "front", Class: devices.Scanner, Binding: name}, func(ctx context.Context, sink devices.Sink) error {
				for ctx.Err() == nil {
					_ = sink(ctx, devices.Reading{Kind: name})
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
					}
				}
				return nil
			}}
		}
		set, err := devices.NewSet(slog.New(slog.DiscardHandler), unit("old"))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = set.Run(ctx, func(_ context.Context, r devices.Reading) error { got[r.Kind]++; return nil })
		}()
		time.Sleep(3500 * time.Millisecond)
		if err := set.Replace(unit("new")); err != nil {
			t.Fatal(err)
		}
		<-ended
		if got["old"] != 4 || got["new"] < 6 {
			t.Errorf("read %v, want 4 of the old unit and then the new one's", got)
		}
		if d, err := set.Get("front"); err != nil || d.Info().Binding != "new" {
			t.Errorf("Get = %v, %v", d, err)
		}
		lamp := &fakeLamp{fake: fake{info: devices.Info{ID: "front", Class: devices.Lamp}}}
		if err := set.Replace(lamp); err == nil {
			t.Error("a scanner became a lamp")
		}
		if err := set.Replace(&fake{info: devices.Info{ID: "back"}}); !errors.Is(err, devices.ErrUnknown) {
			t.Errorf("Replace of an unknown id = %v", err)
		}
	})
}

func TestSetGivesReadingsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, err := devices.NewSet(slog.New(slog.DiscardHandler), &fake{devices.Info{ID: "front"}, func(ctx context.Context, sink devices.Sink) error {
			for ctx.Err() == nil {
				_ = sink(ctx, devices.Reading{})
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		var patient, technician int
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = set.Run(ctx, func(context.Context, devices.Reading) error { patient++; return nil })
		}()
		time.Sleep(2500 * time.Millisecond)
		aside := func(context.Context, devices.Reading) error { technician++; return nil }
		release, err := set.Attend("front", aside)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Attend("front", aside); !errors.Is(err, devices.ErrAttended) {
			t.Errorf("a second Attend = %v", err)
		}
		time.Sleep(4 * time.Second)
		release()
		release()
		<-ended
		if patient != 6 || technician != 4 {
			t.Errorf("the page got %d and the technician %d, want 6 and 4", patient, technician)
		}
	})
}

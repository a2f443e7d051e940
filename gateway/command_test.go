package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/clock"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/storagetest"

	"github.com/google/uuid"
)

// unit is an output device: stuck, it waits until nobody wants it to act any more, as a
// printer does that has no paper.
type unit struct {
	devices.Output // of which Info and Do are used
	id             devices.ID
	stuck          bool
	did            chan string
}

func (u unit) Info() devices.Info { return devices.Info{ID: u.id} }

func (u unit) Do(ctx context.Context, c devices.Command) error {
	if u.stuck {
		<-ctx.Done()
		u.did <- "gave up " + c.Args["number"]
		return ctx.Err()
	}
	u.did <- "did " + c.Args["number"]
	return nil
}

// ahead tells a time that the machine's clock is far behind.
type ahead time.Duration

func (a ahead) Time(context.Context) (time.Time, error) { return time.Now().Add(time.Duration(a)), nil }

// commandKit is as much of a kiosk as doing commands needs, with a printer that is
// stuck and a door, and with commands that are due: each in seconds from now.
func commandKit(t *testing.T, dir string, keys *storagetest.Keys, due map[string][]time.Duration) (g *Gateway, printer, door chan string, closed func()) {
	g, closed = glassKit(t, dir, keys)
	g.commandsDue = make(chan struct{}, 1)
	printer, door = make(chan string, 8), make(chan string, 8)
	var err error
	if g.devices, err = devices.NewSet(g.log, unit{id: "printer", stuck: true, did: printer}, unit{id: "door", did: door}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = g.clock.Run(ctx, clock.Config{Corrected: func(context.Context, uuid.UUID, time.Time) error { return nil }}, ahead(time.Hour), g.log)
	}()
	synctest.Wait()
	cancel()
	synctest.Wait()
	now := g.trustedTime()
	if off := now.Sub(time.Now()); off != time.Hour {
		t.Fatalf("the trusted time is %v from the machine's", off)
	}
	if err := g.store.Update(t.Context(), func(tx *storage.Tx) error {
		for device, lives := range due {
			for i, life := range lives {
				c := dueCommand{ID: uuid.Must(uuid.NewV7()).String(), Expires: now.Add(life), Do: deviceCommand{Device: device, Verb: "act", Args: map[string]string{"number": string(rune('1' + i))}}}
				data, err := json.Marshal(c)
				if err != nil {
					return err
				}
				if err := tx.Put(pendingView, []byte(c.ID), data); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return g, printer, door, closed
}

// outcomes gives the commands on record, as "device outcome".
func outcomes(t *testing.T, g *Gateway) (list []string) {
	t.Helper()
	for _, e := range audits(t, g) {
		if e.EventType == kiosk.CommandDone {
			list = append(list, e.Resource.ID+" "+string(e.Outcome))
		}
	}
	return list
}

// A command that a device cannot do is given up when it expires by the trusted time,
// which the machine's clock need not have, and keeps no other device waiting.
func TestACommandEndsWhenItExpires(t *testing.T) {
	dir, keys := t.TempDir(), storagetest.NewKeys("lobby-1")
	synctest.Test(t, func(t *testing.T) {
		g, printer, door, closed := commandKit(t, dir, keys, map[string][]time.Duration{"printer": {time.Minute, 2 * time.Minute, 90 * time.Second}, "door": {time.Minute, time.Minute}})
		defer closed()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.runCommands(ctx) }()
		said := func(from chan string) (list []string) {
			synctest.Wait()
			for len(from) > 0 {
				list = append(list, <-from)
			}
			return list
		}
		if got := said(door); !slices.Equal(got, []string{"did 1", "did 2"}) {
			t.Errorf("while the printer is stuck the door %q", got)
		}
		for _, step := range []struct {
			pause time.Duration
			want  []string
		}{{59 * time.Second, nil}, {2 * time.Second, []string{"gave up 1"}}, {58 * time.Second, nil}, {2 * time.Second, []string{"gave up 2"}}, {time.Hour, nil}} {
			time.Sleep(step.pause)
			if got := said(printer); !slices.Equal(got, step.want) {
				t.Errorf("the printer %q, want %q", got, step.want)
			}
		}
		want := []string{"door success", "door success", "printer failure", "printer failure", "printer failure"}
		if got := outcomes(t, g); !slices.Equal(got, want) {
			t.Errorf("on record: %q, want %q", got, want)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// onError is a log that calls back when there is an error.
type onError struct {
	slog.Handler
	call func()
}

func (h onError) Enabled(context.Context, slog.Level) bool { return true }

func (h onError) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelError {
		h.call()
	}
	return nil
}

// A command that the store does not give is asked for again, without another one that
// would ring.
func TestACommandOutlivesAStoreThatFails(t *testing.T) {
	dir, keys := t.TempDir(), storagetest.NewKeys("lobby-1")
	synctest.Test(t, func(t *testing.T) {
		g, _, door, closed := commandKit(t, dir, keys, map[string][]time.Duration{"door": {10 * time.Minute}})
		closed()
		errs := 0
		var opened error
		g.log = slog.New(onError{slog.DiscardHandler, func() { // in the goroutine that uses the store
			errs++
			g.store, _, opened = storage.Open(t.Context(), storage.Options{Dir: dir, Kiosk: "lobby-1", Kinds: kiosk.Kinds(), Keys: keys, NoSync: true, Now: g.clock.Now})
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.runCommands(ctx) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if opened != nil {
			t.Fatal(opened)
		}
		if got := outcomes(t, g); len(door) != 1 || errs != 1 || !slices.Equal(got, []string{"door success"}) {
			t.Errorf("the door was told %d commands after %d errors, on record: %q", len(door), errs, got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := g.store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A command that was begun when the power went is not done again, and is on record.
func TestACommandThatWasCutOffIsOnRecord(t *testing.T) {
	dir, keys := t.TempDir(), storagetest.NewKeys("lobby-1")
	synctest.Test(t, func(t *testing.T) {
		g, _, door, closed := commandKit(t, dir, keys, map[string][]time.Duration{"door": {time.Minute, time.Minute}})
		defer closed()
		if due, err := g.takeCommands(t.Context(), map[string]string{}); err != nil || len(due) != 1 {
			t.Fatalf("%d commands were taken up: %v", len(due), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.runCommands(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if got := <-door; got != "did 2" || len(door) != 0 {
			t.Errorf("the door %s, and %d more", got, len(door))
		}
		if got := outcomes(t, g); !slices.Equal(got, []string{"door failure", "door success"}) {
			t.Errorf("on record: %q", got)
		}
		for _, e := range audits(t, g) {
			if e.EventType == kiosk.CommandDone && e.Outcome == kiosk.OutcomeFailure && e.Action != "act cut off" {
				t.Errorf("the one that was cut off is on record as %q", e.Action)
			}
		}
		if due, err := g.takeCommands(t.Context(), map[string]string{}); err != nil || len(due) != 0 || len(outcomes(t, g)) != 2 {
			t.Errorf("afterwards %d commands are taken up, on record: %q, %v", len(due), outcomes(t, g), err)
		}
	})
}

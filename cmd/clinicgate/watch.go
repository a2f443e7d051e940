package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/service"
)

const (
	// hangBound is after how long without a beat the process ends itself where no
	// service manager watches it (Windows).
	hangBound = 90 * time.Second
	// beginBound is how long a start may take: a damaged store is verified and
	// salvaged first.
	beginBound = 15 * time.Minute
	// forceBound is how long the process may take to end once it was told to: what is
	// left then is cut off, within the 5 seconds that a stop may take.
	forceBound = 4800 * time.Millisecond
)

// watch connects a run with who watches the process: the service manager, and the
// count of exits. The one of a process on a terminal does nothing.
type watch struct {
	managed  bool
	err      io.Writer       // what goes wrong is said there
	asked    context.Context // ends when the process is to stop
	over     context.CancelFunc
	notifier *service.Notifier
	exits    *service.Exits
	began    time.Time
	due      atomic.Int64 // by when the next beat is due, in nanoseconds since began
	guarded  atomic.Bool
}

func newWatch(ctx context.Context, managed bool, stderr io.Writer) *watch {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &watch{managed: managed, err: stderr, asked: ctx, over: cancel, notifier: service.NotifierOf(ctx), began: time.Now()}
	if managed {
		go w.force(own)
	}
	return w
}

// begin counts the exits before this start and, after too many, sends people to the
// desk for a while. It returns false when the process is to stop.
func (w *watch) begin(path string, log *slog.Logger) bool {
	if !w.managed {
		return true
	}
	usual := config.Default()
	w.exits = service.NewExits(service.StateDir(usual.Storage.Dir), service.Boot(), service.Uptime)
	lately, away, err := w.exits.Begin()
	if err != nil {
		log.Warn("a service that keeps ending would not be noticed", "error", err)
	}
	if away > 0 {
		settings, err := config.Load(path)
		if err != nil {
			settings = usual
			log.Error("the config cannot be used", "error", err)
		}
		log.Error("the service ended again and again: people are sent to the desk, then a start is tried", "exits", lately, "within", service.ExitWindow, "wait", away,
			"hint", "`clinicgate service restart` tries at once")
		status := fmt.Sprintf(service.MinimalMode+" after %d exits: people are sent to the desk; the next start is tried at %s", lately, time.Now().Add(away).Format("15:04:05"))
		every, said := w.limit()/3, false
		gateway.RunAway(w.asked, settings, away, every, func() {
			if !said { // not before they are
				w.tell(w.notifier.Ready(status))
			}
			said = true
			w.beat(2 * every)
		}, log)
		w.pause("starting after a while at the desk")
	} else {
		w.tell(w.notifier.Begin("starting", beginBound))
	}
	return w.asked.Err() == nil
}

// stop ends the watching. A stop that was asked for is not an exit.
func (w *watch) stop() {
	if w.managed && w.asked.Err() != nil && w.exits != nil {
		w.tell(w.exits.Clean())
	}
	w.over()
}

// ready tells that everything serves, and watches from then on.
func (w *watch) ready(at gateway.Addresses) error {
	if !w.managed {
		return nil
	}
	time.AfterFunc(service.ExitWindow, func() { w.tell(w.exits.Steady()) })
	return errors.Join(w.exits.Ready(), w.notifier.Ready("the check-in page is on "+at.Page))
}

func (w *watch) pulse() gateway.Pulse {
	if !w.managed {
		return gateway.Pulse{}
	}
	every := w.limit() / 3
	return gateway.Pulse{
		Every: every,
		Beat:  func() { w.beat(w.limit()) },
		Pause: func() { w.pause("starting again by itself") },
	}
}

// limit is how long the process may be without a beat.
func (w *watch) limit() time.Duration {
	if d := w.notifier.Watchdog(); d > 0 {
		return d
	}
	return hangBound
}

func (w *watch) beat(next time.Duration) {
	w.due.Store(int64(time.Since(w.began) + next))
	w.tell(w.notifier.Alive())
	if w.notifier.Watchdog() == 0 && w.guarded.CompareAndSwap(false, true) {
		go w.guard()
	}
}

func (w *watch) pause(status string) {
	w.due.Store(int64(time.Since(w.began) + beginBound))
	w.tell(w.notifier.Begin(status, beginBound))
}

// tell reports what could not be told or counted. The service goes on: without a
// beat the manager restarts it, as it should.
func (w *watch) tell(err error) {
	if err != nil {
		fmt.Fprintln(w.err, "error:", err)
	}
}

// guard ends a process that hangs.
func (w *watch) guard() {
	tick := time.NewTicker(w.limit() / 6)
	defer tick.Stop()
	for range tick.C {
		if time.Since(w.began) > time.Duration(w.due.Load()) {
			fmt.Fprintln(w.err, "error: the service hung: its own probe failed for", w.limit())
			os.Exit(exitHung)
		}
	}
}

// force bounds the stop.
func (w *watch) force(over context.Context) {
	select {
	case <-over.Done():
		return
	case <-w.asked.Done():
	}
	if over.Err() != nil {
		return // it has ended by itself, and the notifier with it
	}
	w.tell(w.notifier.Stopping())
	select {
	case <-over.Done():
	case <-time.After(forceBound):
		if w.exits != nil {
			w.tell(w.exits.Clean())
		}
		fmt.Fprintln(w.err, "error: a part did not stop in time; the process ends without it")
		w.notifier.CutOff(exitFailed)
	}
}

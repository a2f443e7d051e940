package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/gateway/config"
	"clinicgate/kiosk"

	"github.com/google/uuid"
)

const (
	displayAgain  = 5 * time.Second // between attempts at a display that is not there
	displayWithin = 10 * time.Second
)

// runDisplays keeps the displays on the number that was called last and its room,
// and on nothing else: the schema of the command has no place for more.
func (g *Gateway) runDisplays(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, d := range g.cfg.Devices {
		if !d.Disabled && d.Class == devices.Display {
			wg.Go(func() { g.keepDisplay(ctx, d) })
		}
	}
	wg.Wait()
	<-ctx.Done()
	return nil
}

func (g *Gateway) keepDisplay(ctx context.Context, d config.Device) {
	queued, end := g.queue.Watch()
	defer end()
	again := time.NewTicker(displayAgain)
	defer again.Stop()
	shown := "not told yet"  // no call is called so
	var next devices.Command // kept over attempts
	for {
		number, room, call := g.lastCall()
		if call != shown {
			if next.Args == nil || next.Args["number"] != number || next.Args["room"] != room {
				next = devices.Command{ID: uuid.NewString(), Verb: "show", Args: map[string]string{"number": number, "room": room}}
			}
			bounded, cancel := context.WithTimeout(ctx, displayWithin)
			// A command that failed has had its outcome, and is retained; one that found
			// no display is tried again, and so is one that no broker has acknowledged, as
			// another command.
			switch err := g.devices.Do(bounded, devices.ID(d.ID), next); {
			case errors.Is(err, devices.ErrAbsent):
			case errors.Is(err, mqtt.ErrUnsure):
				next = devices.Command{}
			default:
				shown, next = call, devices.Command{}
			}
			cancel()
		}
		select {
		case <-ctx.Done():
			return
		case <-queued:
		case <-again.C:
		}
	}
}

// lastCall is what the board has at its top; call differs for each call. Empty:
// nobody is called.
func (g *Gateway) lastCall() (number, room, call string) {
	var served []kiosk.DepartmentID
	for _, d := range g.cfg.Kiosk.Departments {
		served = append(served, kiosk.DepartmentID(d))
	}
	called := g.queue.Board(served...).Called
	if len(called) == 0 {
		return "", "", ""
	}
	c := called[0]
	return c.Ticket.String(), c.Room.String(), c.Ticket.String() + " " + c.Room.String() + " " + c.At.Format(time.RFC3339Nano)
}

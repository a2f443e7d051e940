package session

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"clinicgate/gateway/control"
)

const (
	lookEvery  = 500 * time.Millisecond
	askWithin  = 4 * time.Second
	loadWithin = 10 * time.Second // from a launch to the page's first sign of life, at first
	maxLoad    = 80 * time.Second // and at most, on a slow machine
	backWithin = 4 * time.Second  // from the service's return to that of a page that was open
	maxTries   = 4                // launches of one browser without a page that lives
	patience   = 20 * time.Second // without the service until people are sent to the desk
)

// Service is the running service, over its control channel.
type Service interface {
	Launch(context.Context) (control.Launched, error)
	Seen(context.Context) (control.PageSeen, error)
}

// shower is a browser's window.
type shower interface {
	Show(ctx context.Context, address string) error
	Ended() <-chan struct{}
	Broken() <-chan struct{}
}

var (
	errEnded  = errors.New("the browser ended")
	errNoPage = errors.New("the browser does not bring the page to life")
)

// keeper keeps the check-in page in one browser. What it knows of the page is what
// the service sees of it; so a page that hangs, is white or shows an error counts as
// no page, whatever the browser thinks.
type keeper struct {
	service Service
	window  shower
	log     *slog.Logger
	given   time.Duration // from a launch to the page's first sign of life

	launch string    // the last launch; empty for none yet
	tries  int       // launches since the page last lived
	since  time.Time // from when on the page is waited for
	within time.Duration
	down   time.Time // since when the service does not answer; zero: it does
	asked  bool      // people are sent to the desk
	lived  bool      // the page lived since that launch
	ever   bool      // and in this browser
	told   string    // the last complaint, said once
}

// keep returns why the browser has to be started anew, or nil when ctx ended.
func (k *keeper) keep(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	k.down = time.Now()
	for {
		if err := k.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.window.Ended():
			return errEnded
		case <-k.window.Broken():
			k.log.Warn("the page crashed")
			k.within = 0
			if k.launch == "" { // it was the page that waits
				return errEnded
			}
		case <-tick.C:
		}
	}
}

// look asks the service about the page, and brings it back where it is not there.
func (k *keeper) look(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	seen, err := k.service.Seen(bounded)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return k.alone(ctx, now, err)
	case !k.down.IsZero():
		// A page that was open comes back by itself; it is given a moment for that.
		k.down, k.since = time.Time{}, now
		k.within = max(k.within, backWithin)
		k.told = ""
	}
	ours := k.launch != "" && (seen.Launch == k.launch || seen.Launch == "")
	switch {
	case k.within == 0 && k.launch != "": // crashed
	case ours && seen.Alive:
		if k.tries > 0 {
			k.log.Info("the page lives")
		}
		k.tries, k.since, k.within, k.lived = 0, now, backWithin, true
		k.ever = true
		return nil
	case k.launch == "", seen.Refused == k.launch && seen.Launch != k.launch:
	case k.lived && seen.Launch != "" && !ours: // somebody opened the page elsewhere
	case now.Sub(k.since) < k.within:
		return nil
	}
	return k.start(ctx, now)
}

// alone waits for the service. A page that is open says itself that nobody answers.
func (k *keeper) alone(ctx context.Context, now time.Time, err error) error {
	if k.down.IsZero() {
		k.down = now
	}
	if why := err.Error(); why != k.told {
		k.log.Warn("waiting for the service", "err", err)
		k.told = why
	}
	if k.launch == "" && !k.asked && now.Sub(k.down) >= patience {
		k.asked = true
		return k.window.Show(ctx, waitAddress(true))
	}
	return nil
}

// start opens the page with a fresh token.
func (k *keeper) start(ctx context.Context, now time.Time) error {
	if k.tries >= maxTries {
		return errNoPage
	}
	bounded, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	launched, err := k.service.Launch(bounded)
	if err != nil {
		return k.alone(ctx, now, err)
	}
	k.tries++
	if err := k.window.Show(ctx, launched.URL); err != nil {
		return err
	}
	k.launch, k.since, k.within, k.lived = launched.ID, time.Now(), k.given, false
	k.log.Info("the page is opened", "try", k.tries)
	return nil
}

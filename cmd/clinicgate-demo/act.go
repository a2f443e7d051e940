package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
)

// act runs one action of the panel and says what it did.
func (d *demo) act(ctx context.Context, name string, in actionInput) (string, error) {
	switch name {
	case "network":
		switch s := linkState(in.State); s {
		case linkUp, linkSlow, linkCut:
			d.net.set(s)
			return "the network is " + in.State, nil
		}
		return "", errors.New("state is up, slow or cut")
	case "pubnub":
		return d.answerWith(in.Status)
	case "scan":
		return d.scanOne(ctx, in.Code)
	case "help":
		return "help was pressed", d.patients.help(ctx)
	case "desk":
		return d.enterDesk(ctx)
	case "device":
		return d.use(ctx, in.Device, in.State)
	case "kill":
		pid := d.child.pid()
		return fmt.Sprintf("killed process %d", pid), d.child.kill()
	case "limit":
		return d.setLimit(ctx, in.State)
	case "auto":
		if in.PerMinute < 0 || in.PerMinute > 600 {
			return "", errors.New("perMinute is 0 to 600")
		}
		d.patients.setRate(in.PerMinute)
		return fmt.Sprintf("%g patients a minute", in.PerMinute), nil
	}
	return "", errors.New("no such action: network, pubnub, scan, help, desk, device, kill, limit, auto")
}

// enterDesk says how a browser gets into the desk, the way an administrator would.
func (d *demo) enterDesk(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	c, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	pair, err := c.DeskPair(ctx, control.DeskPair{Name: "demo"})
	if err != nil {
		return "", fmt.Errorf("cannot pair a browser: %w", err)
	}
	if _, err := c.DeskPIN(ctx, control.DeskPIN{Staff: deskPerson, PIN: deskPIN}); err != nil {
		return "", fmt.Errorf("cannot give a PIN: %w", err)
	}
	return fmt.Sprintf("the desk is at https://%s, its certificate is its own; pairing code %s, then %s with PIN %s", d.settings.desk, pair.Code, deskPerson, deskPIN), nil
}

// answerWith makes PubNub refuse the gateway, or not. Providers' apps are
// refused as well: they are at the same PubNub.
func (d *demo) answerWith(status int) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if status != 0 && status != 403 && status != 429 && status != 503 {
		return "", errors.New("status is 403, 429, 503, or 0 for healthy")
	}
	d.pubnub.Faults().Clear()
	d.status = status
	if status == 0 {
		return "PubNub answers normally", nil
	}
	r := emulator.Rule{Action: emulator.Answer, Kind: emulator.Any, Status: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: fmt.Sprintf(`{"status":%d,"error":true,"message":"demo","service":"demo"}`, status)}
	if status == http.StatusTooManyRequests {
		r.Header.Set("Retry-After", "2")
	}
	d.pubnub.Faults().Add(r)
	return fmt.Sprintf("PubNub answers with %d", status), nil
}

// scanOne puts a code under the scanner: its real serial path.
func (d *demo) scanOne(ctx context.Context, text string) (string, error) {
	if d.hardware.scanner == nil {
		return "", errors.New("there is no simulated scanner on this system")
	}
	if text == "" {
		c, err := d.next(ctx)
		if err != nil {
			return "", err
		}
		text = c.Scan
		d.announce()
	}
	if !strings.HasSuffix(text, "\r") {
		text += "\r"
	}
	if _, err := d.hardware.scanner.Write([]byte(text)); err != nil {
		return "", fmt.Errorf("cannot scan: %w", err)
	}
	return "scanned a code", nil
}

// smallLimit is the smallest budget that a store can have.
const smallLimit = "8MiB"

// setLimit makes the data limit small and fills it with desk acts until the
// gateway refuses them, or gives the space back.
func (d *demo) setLimit(ctx context.Context, state string) (string, error) {
	budget, limit := smallLimit, state
	switch state {
	case "free":
		budget, limit = d.o.dataLimit, "normal"
	case "exhausted":
	default:
		return "", errors.New("state is exhausted or free")
	}
	d.mu.Lock()
	was := d.settings.budget
	d.settings.budget = budget
	d.mu.Unlock()
	err := d.writeConfig()
	if err == nil {
		err = d.child.kill()
	}
	d.mu.Lock()
	if err != nil { // the gateway that runs has the limit of before
		d.settings.budget = was
		d.mu.Unlock()
		return "", err
	}
	d.limit = limit
	d.mu.Unlock()
	pause(ctx, time.Second)
	if state == "free" {
		return "the data limit is " + budget + " again", nil
	}
	n, err := d.fill(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the data limit of %s is reached after %d desk acts", smallLimit, n), nil
}

// fill sets providers' availability over and over, as several desks could, until
// the gateway has no room for more, not even for one act alone: each desk goes on
// until it is refused itself.
func (d *demo) fill(ctx context.Context) (acts int, err error) {
	c, err := d.dial(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	full := false
	var last error
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				status := []kiosk.Availability{kiosk.Available, kiosk.Away}[i%2]
				_, err := c.SetProvider(ctx, control.SetProvider{Provider: kiosk.ProviderID(providers[w%len(providers)].id), Status: status})
				refused, isRefusal := errors.AsType[*control.Error](err)
				mu.Lock()
				full = full || isRefusal && refused.Code == control.Unavailable
				if err == nil {
					acts++
				} else {
					last = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if !full {
		if last == nil {
			last = ctx.Err()
		}
		return acts, fmt.Errorf("the data limit was not reached after %d desk acts: %w", acts, last)
	}
	return acts, nil
}

// picture is what the panel shows.
type picture struct {
	GatewayPid   int                     `json:"gatewayPid"`
	Starts       int                     `json:"starts"`
	Network      linkState               `json:"network"`
	PubNubStatus int                     `json:"pubnubStatus"`
	Limit        string                  `json:"limit"`
	Used         int64                   `json:"used"`
	Budget       int64                   `json:"budget"`
	Board        string                  `json:"board"`
	Counts       *control.Counts         `json:"counts"`
	Balanced     bool                    `json:"balanced"`
	Patients     patientCounts           `json:"patients"`
	Ledger       ledgerSum               `json:"ledger"`
	Streams      map[string]streamLedger `json:"streams"`
	Wire         []wireLine              `json:"wire"`
	Devices      shown                   `json:"devices"`
}

func (d *demo) picture(ctx context.Context) picture {
	p := picture{GatewayPid: d.child.pid(), Network: d.net.get(), Board: "http://" + d.settings.board + "/board", Patients: d.patients.counts(), Devices: d.hardware.shown()}
	d.child.mu.Lock()
	p.Starts = d.child.starts
	d.child.mu.Unlock()
	d.mu.Lock()
	p.PubNubStatus, p.Limit = d.status, d.limit
	d.mu.Unlock()
	for _, a := range d.staff {
		a.mu.Lock()
		p.Patients.Served += a.served
		a.mu.Unlock()
	}
	p.Ledger, p.Streams, p.Wire = d.ledger.now()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := control.Dial(ctx, d.settings.controlPath)
	if err != nil {
		return p
	}
	defer c.Close()
	if s, err := c.Sync(ctx); err == nil {
		p.Counts, p.Balanced = &s.Total, s.Balanced
	}
	if s, err := c.Status(ctx); err == nil {
		p.Used, p.Budget = s.Store.Used, s.Store.Budget
	}
	return p
}

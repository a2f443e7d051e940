package simulation_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk/wire"
)

// patience is how long a client waits for an answer.
const patience = 10 * time.Second

// cloud is PubNub in memory, and what an eavesdropper with the keys sees of it.
type cloud struct {
	seed    uint64
	weather *weather
	cipher  *pubnub.Cipher
	poison  func(channel string, g wire.GW) bool // events that are refused for good; nil: none

	mu       sync.Mutex // guards all below
	dice     map[string]*rand.Rand
	channels map[string][]*message
	last     pubnub.Timetoken
	ears     map[*ear]struct{}
	flight   map[string]int
	broken   []string // promises of the interface that a caller broke
	count    counts
}

// counts say how much a run did, to show that it was not idle.
type counts struct {
	requests, accepted, lostRequests, lostReplies, repeats, batches, refused int
}

// message is something that was accepted.
type message struct {
	pubnub.Message
	visible time.Time
	sender  sender
	env     wire.Envelope
	parsed  bool
}

// sender is who published a message, which PubNub cannot tell and the oracle must.
type sender uint8

const (
	byKiosk sender = iota
	byProvider
	byForger
	byReplay // a forger, with a message that somebody else had made
)

// ear is one who listens.
type ear struct {
	line     *line
	channels map[string]bool
	ring     func(pubnub.Message)
	open     bool // guarded by cloud.mu
}

func newCloud(seed uint64, w *weather, cipher *pubnub.Cipher) *cloud {
	return &cloud{seed: seed, weather: w, cipher: cipher, dice: map[string]*rand.Rand{}, channels: map[string][]*message{},
		ears: map[*ear]struct{}{}, flight: map[string]int{}}
}

// draw gives the fate of the next request of its name.
func (c *cloud) draw(name string) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.weather.fate(c.die(name))
}

// die is the dice of a name. mu is held.
func (c *cloud) die(name string) *rand.Rand {
	d := c.dice[name]
	if d == nil {
		d = die(c.seed, name)
		c.dice[name] = d
	}
	return d
}

// accept stores a message and rings whoever listens.
func (c *cloud) accept(m pubnub.Message, from sender, late time.Duration) pubnub.Timetoken {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.Timetoken = max(pubnub.TimetokenAt(time.Now()), c.last+1)
	c.last = m.Timetoken
	kept := &message{Message: m, visible: time.Now().Add(late), sender: from}
	kept.env, kept.parsed = c.open(m)
	c.count.accepted++
	if len(kept.env.Events) > 1 {
		c.count.batches++
	}
	c.channels[m.Channel] = append(c.channels[m.Channel], kept)
	for e := range c.ears {
		if e.channels[m.Channel] {
			c.deliver(e, m)
		}
	}
	return m.Timetoken
}

// open reads a message as a holder of the key does.
func (c *cloud) open(m pubnub.Message) (env wire.Envelope, ok bool) {
	parse := func(plain []byte) bool {
		var err error
		env, err = wire.Parse(plain)
		return err == nil
	}
	text, encrypted := m.Text()
	if !encrypted {
		return env, parse(m.Payload)
	}
	_, _, err := c.cipher.Decrypt(text, parse)
	return env, err == nil
}

// deliver hands a message over live, perhaps late, perhaps not at all. mu is
// held.
func (c *cloud) deliver(e *ear, m pubnub.Message) {
	d := c.die("bell " + e.line.id)
	delay, late, roll, lateRoll := upTo(d, 1, 50*time.Millisecond), upTo(d, 0, 20*time.Second), d.Float64(), d.Float64()
	if !c.weather.over() {
		if roll < c.weather.rates.loseBell {
			return
		}
		if lateRoll < c.weather.rates.lateBell {
			delay = late
		}
	}
	time.AfterFunc(delay, func() {
		c.mu.Lock()
		open := e.open && c.weather.linked(e.line.number)
		c.mu.Unlock()
		if open {
			e.ring(m)
		}
	})
}

// all lists what was accepted, in the order of acceptance.
func (c *cloud) all() []*message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []*message
	for _, of := range c.channels {
		list = append(list, of...)
	}
	slices.SortFunc(list, func(a, b *message) int { return cmp.Compare(a.Timetoken, b.Timetoken) })
	return list
}

func (c *cloud) tell(change func(*counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.count)
}

func (c *cloud) blame(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}

// line is one process's way to PubNub: an uplink.Publisher, a downlink.Service
// and a clock.Source.
type line struct {
	cloud  *cloud
	number int
	id     string
}

// wait sleeps, and says whether ctx lasted.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func canceled(op string) error {
	return &pubnub.Error{Op: op, Class: pubnub.Canceled, Reason: pubnub.ReasonContext}
}

// arrival is where a request has got to.
type arrival uint8

const (
	nowhere  arrival = iota
	underway         // lost on the way; it may turn up
	there
)

// reach brings a request to PubNub. An error is what its sender gets instead of
// an answer, wherever the request is.
func (l *line) reach(ctx context.Context, op string, f fate) (at arrival, err error) {
	l.cloud.tell(func(c *counts) { c.requests++ })
	w := l.cloud.weather
	switch w.at(l.number) {
	case noRoute:
		if !wait(ctx, f.up) {
			return nowhere, canceled(op)
		}
		return nowhere, &pubnub.Error{Op: op, Class: pubnub.Temporary, Reason: pubnub.ReasonConnection}
	case blackHole:
		if !wait(ctx, patience) {
			return nowhere, canceled(op)
		}
		return nowhere, &pubnub.Error{Op: op, Class: pubnub.Temporary, Reason: pubnub.ReasonTimeout}
	}
	if !wait(ctx, min(f.up, patience)) {
		if f.arriveAnyway {
			at = there
		}
		return at, canceled(op)
	}
	if f.loseRequest || f.up >= patience || !w.linked(l.number) {
		return underway, l.unanswered(ctx, op, patience-min(f.up, patience))
	}
	var refused *pubnub.Error
	switch w.at(l.number) {
	case denied:
		refused = &pubnub.Error{Op: op, Class: pubnub.Denied, Reason: pubnub.ReasonStatus, Status: 403}
	case throttled:
		refused = &pubnub.Error{Op: op, Class: pubnub.Throttled, Reason: pubnub.ReasonStatus, Status: 429, RetryAfter: 7 * time.Second}
	case broken:
		refused = &pubnub.Error{Op: op, Class: pubnub.Temporary, Reason: pubnub.ReasonStatus, Status: 503}
	default:
		return there, nil
	}
	if !wait(ctx, f.down) {
		return nowhere, canceled(op)
	}
	return nowhere, refused
}

// unanswered is a request that gets no answer in time.
func (l *line) unanswered(ctx context.Context, op string, left time.Duration) error {
	if !wait(ctx, left) {
		return canceled(op)
	}
	return &pubnub.Error{Op: op, Class: pubnub.Unknown, Reason: pubnub.ReasonTimeout}
}

// reply brings an answer back.
func (l *line) reply(ctx context.Context, op string, f fate) error {
	if f.loseReply || f.up+f.down >= patience || !l.cloud.weather.linked(l.number) {
		l.cloud.tell(func(c *counts) { c.lostReplies++ })
		return l.unanswered(ctx, op, patience-f.up)
	}
	if !wait(ctx, f.down) {
		return canceled(op)
	}
	return nil
}

// Publish implements uplink.Publisher.
func (l *line) Publish(ctx context.Context, channel, payload string) (pubnub.Timetoken, error) {
	c := l.cloud
	text, _ := json.Marshal(payload)
	m := pubnub.Message{Channel: channel, Payload: text, Publisher: l.id}
	f := c.draw("publish " + l.id + " " + channel)
	defer c.oneAtATime(l.id + " " + channel)()
	got, err := l.reach(ctx, "publish", f)
	if err != nil {
		if got == underway {
			c.tell(func(c *counts) { c.lostRequests++ })
		}
		late := got == underway && f.arriveLate > 0 && !c.weather.over()
		switch {
		case got != there && !late, c.poisoned(m):
		case late:
			time.AfterFunc(f.arriveLate, func() { c.accept(m, byKiosk, f.lateHistory) })
		default:
			c.accept(m, byKiosk, f.lateHistory)
		}
		return 0, err
	}
	if c.poisoned(m) {
		c.tell(func(c *counts) { c.refused++ })
		if !wait(ctx, f.down) {
			return 0, canceled("publish")
		}
		return 0, &pubnub.Error{Op: "publish", Class: pubnub.Refused, Reason: pubnub.ReasonStatus, Status: 400}
	}
	at := c.accept(m, byKiosk, f.lateHistory)
	if f.duplicate > 0 {
		c.tell(func(c *counts) { c.repeats++ })
		time.AfterFunc(f.duplicate, func() { c.accept(m, byKiosk, 0) })
	}
	if err := l.reply(ctx, "publish", f); err != nil {
		return 0, err
	}
	return at, nil
}

// poisoned reports whether PubNub refuses a message for good.
func (c *cloud) poisoned(m pubnub.Message) bool {
	if c.poison == nil {
		return false
	}
	env, _ := c.open(m)
	return slices.ContainsFunc(env.Events, func(e wire.Event) bool { return c.poison(m.Channel, e.GW) })
}

// oneAtATime notes a request in flight on a stream, which must be the only one.
func (c *cloud) oneAtATime(stream string) (done func()) {
	c.mu.Lock()
	c.flight[stream]++
	n := c.flight[stream]
	c.mu.Unlock()
	if n > 1 {
		c.blame("%d publishes in flight: %s", n, stream)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.flight[stream]--
	}
}

// History implements downlink.Service.
func (l *line) History(ctx context.Context, channel string, after pubnub.Timetoken, limit int) ([]pubnub.Message, bool, error) {
	f := l.cloud.draw("history " + l.id + " " + channel)
	if _, err := l.reach(ctx, "history", f); err != nil {
		return nil, false, err
	}
	page, more := l.cloud.history(channel, after, limit)
	if err := l.reply(ctx, "history", f); err != nil {
		return nil, false, err
	}
	return page, more, nil
}

func (c *cloud) history(channel string, after pubnub.Timetoken, limit int) (page []pubnub.Message, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.channels[channel]
	from, _ := slices.BinarySearchFunc(list, after+1, func(m *message, at pubnub.Timetoken) int { return cmp.Compare(m.Timetoken, at) })
	for _, m := range list[from:] {
		if m.visible.After(time.Now()) {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, m.Message)
	}
	return page, false
}

// Time implements clock.Source.
func (l *line) Time(ctx context.Context) (time.Time, error) {
	f := l.cloud.draw("time " + l.id)
	if _, err := l.reach(ctx, "time", f); err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	return now, l.reply(ctx, "time", f)
}

// Listen implements downlink.Service.
func (l *line) Listen(ctx context.Context, channels []string, ring func(pubnub.Message)) error {
	c := l.cloud
	e := &ear{line: l, channels: map[string]bool{}, ring: ring, open: true}
	for _, name := range channels {
		e.channels[name] = true
	}
	c.mu.Lock()
	c.ears[e] = struct{}{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		e.open = false
		delete(c.ears, e)
	}()
	for linked := false; ; {
		if now := c.weather.linked(l.number); now && !linked {
			// It takes a moment to notice, and to connect.
			if !wait(ctx, c.draw("listen "+l.id).up) {
				return nil
			}
			if linked = c.weather.linked(l.number); linked {
				ring(pubnub.Message{})
			}
		} else {
			linked = now
		}
		if !wait(ctx, c.weather.turn(l.number)) {
			return nil
		}
	}
}

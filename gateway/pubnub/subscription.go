package pubnub

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Subscription receives what is published on a set of channels. It is a long
// poll of our own: see doc.go for why it is not the SDK's.
//
// Live delivery loses messages: PubNub holds about 100 for a subscriber that
// is away, and a process that stops forgets what it was handed. What must not
// be lost is read from History; an arriving message is the doorbell, and so is
// a connection that came back.
type Subscription struct {
	client *Client

	mu     sync.Mutex
	set    channelSet
	status SubscriptionStatus
}

// SubscriptionStatus is for doctor and status pages.
type SubscriptionStatus struct {
	Connected  bool      // the last poll was fine
	Since      time.Time // of Connected; zero before the first poll
	Cursor     Timetoken
	Failures   int    // in a row
	Last       *Error // of the last failure, nil while connected
	Malformed  int64  // messages left out because their form was wrong
	LastAnswer time.Time
}

type channelSet struct {
	names   []string // sorted
	changed broadcast
}

// Subscribe makes a subscription without channels that begins after the
// timetoken from, or now if from is 0. It starts nothing.
func (c *Client) Subscribe(from Timetoken) *Subscription {
	return &Subscription{
		client: c,
		set:    channelSet{changed: newBroadcast()},
		status: SubscriptionStatus{Cursor: from},
	}
}

// SetChannels replaces the channels, at any time; the cursor stays. PubNub
// advises at most 30.
func (s *Subscription) SetChannels(names ...string) error {
	for _, name := range names {
		if !isName(name) {
			return badName("subscribe")
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(names, s.set.names) {
		s.set.names = names
		s.set.changed.send()
	}
	return nil
}

// Status may be called at any time.
func (s *Subscription) Status() SubscriptionStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run polls until ctx ends or the client is closed, and hands each message to
// handle, in the order of timetokens within what one poll brings. After each
// connection, the first included, handle gets the zero Message: something may
// have been missed. The cursor moves on after handle returned for the whole
// poll. No answer ends Run: it backs off and tries again. It is called once.
func (s *Subscription) Run(ctx context.Context, handle func(Message)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.client.ctx, cancel)()

	var p poller
	for ctx.Err() == nil {
		names, changed := s.channels()
		if len(names) == 0 {
			p.greeted = false
			wait(ctx, time.Hour, changed)
			continue
		}
		p.space(ctx, s.client.cfg)
		b, x, err := s.poll(ctx, &p, names, changed)
		if e, failed := errors.AsType[*Error](err); failed {
			if e.Class == Canceled {
				p.greeted = p.greeted && changed.Err() != nil
				continue
			}
			p.greeted = false
			s.failed(e)
			s.backOff(ctx, e, x.token, changed)
			continue
		}
		if s.connected(b) {
			handle(Message{})
		}
		for _, m := range b.messages {
			if ctx.Err() != nil {
				return nil
			}
			handle(m)
		}
		s.moveTo(b.next)
	}
	return nil
}

// poller is the state of Run.
type poller struct {
	greeted bool // the service answered since the last failure
	region  int
	last    time.Time // start of the last request
	// What ends a long poll, as it was at the last answer: what is heard between two
	// requests ends the second.
	link, doubt context.Context
}

// space keeps polls apart, and greetings, which may need a new connection,
// further, whatever the answers are.
func (p *poller) space(ctx context.Context, cfg Config) {
	spacing := cfg.PollSpacing
	if !p.greeted {
		spacing = max(spacing, cfg.RetryMin)
	}
	wait(ctx, time.Until(p.last.Add(spacing)))
	p.last = time.Now()
}

func (s *Subscription) channels() ([]string, context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set.names, s.set.changed.ctx
}

// poll makes one request. After a failure it is a greeting, which is answered
// at once and so shows that the way is open; then it is a long poll. An empty
// batch without next means that a long poll brought nothing.
func (s *Subscription) poll(ctx context.Context, p *poller, names []string, changed context.Context) (batch, *exchange, error) {
	c := s.client
	cursor := s.Status().Cursor
	x := &exchange{op: "subscribe"}
	query, timeout := url.Values{"tr": {strconv.Itoa(p.region)}}, c.cfg.RequestTimeout
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(changed, cancel)()
	if p.greeted {
		query.Set("tt", cursor.String())
		timeout = c.cfg.PollTimeout
		defer context.AfterFunc(p.link, cancel)()
		defer context.AfterFunc(p.doubt, cancel)()
	}
	bounded, done := c.begin(ctx, x, timeout)
	defer done()
	c.send(bounded, x, request{path: "/v2/subscribe/" + c.cfg.SubscribeKey + "/" + escapeList(names) + "/0", query: query})
	if p.greeted && ctx.Err() == nil && heldOut(x, timeout) {
		return batch{}, x, nil
	}
	b, err := parseBatch(x.body)
	if err := c.settle(ctx, x, err == nil); err != nil {
		return batch{}, x, err
	}
	p.region = b.region
	_, p.link = c.link.state()
	p.doubt = c.link.doubt()
	if !p.greeted {
		p.greeted = true
		if cursor != 0 { // the greeting's timetoken is now; ours is where we were
			b.next, b.messages = cursor, nil
		}
	}
	return b, x, nil
}

// heldOut says whether a poll without a usable answer is a normal empty one: its
// own time was over, or after a good part of it a middlebox cut it or gave up on
// it. If the network is gone, the next poll meets that when it connects.
func heldOut(x *exchange, timeout time.Duration) bool {
	if !x.sent() || x.held() < timeout/4 {
		return false
	}
	return x.status == 0 || x.status == http.StatusGatewayTimeout || x.status == http.StatusRequestTimeout
}

// connected takes note of a good poll and reports whether it is the first
// after none or bad ones.
func (s *Subscription) connected(b batch) (first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.next != 0 {
		s.status.LastAnswer = time.Now()
	}
	if b.malformed > 0 {
		s.status.Malformed += int64(b.malformed)
		s.client.log.Warn("malformed messages left out", "count", b.malformed)
	}
	if s.status.Connected {
		return false
	}
	s.client.log.Info("subscription connected", "failures", s.status.Failures)
	s.status.Connected, s.status.Since = true, time.Now()
	s.status.Failures, s.status.Last = 0, nil
	return true
}

func (s *Subscription) moveTo(cursor Timetoken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cursor != 0 {
		s.status.Cursor = cursor
	}
}

func (s *Subscription) failed(e *Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.status.Last; last == nil || last.Class != e.Class || last.Reason != e.Reason || last.Status != e.Status {
		s.client.log.Warn("subscription interrupted", slog.Any("error", e))
	}
	if s.status.Connected || s.status.Since.IsZero() {
		s.status.Connected, s.status.Since = false, time.Now()
	}
	s.status.Failures++
	s.status.Last = e
}

// backOff waits as the error demands. New channels end every wait but that of
// a throttled client; a network that came back ends the wait for it.
func (s *Subscription) backOff(ctx context.Context, e *Error, token string, changed context.Context) {
	c := s.client
	_, link := c.link.state()
	switch e.Class {
	case Throttled:
		wait(ctx, max(e.RetryAfter, c.cfg.RetryMax))
	case Denied, Refused:
		// Until the token is another one.
		for range max(1, c.cfg.DeniedWait/c.cfg.RetryMax) {
			if wait(ctx, c.cfg.RetryMax, changed, link); changed.Err() != nil || link.Err() != nil || c.cfg.Token() != token {
				return
			}
		}
	default:
		most := c.cfg.RetryMax
		if n := s.Status().Failures - 1; n < 16 {
			most = min(most, c.cfg.RetryMin<<n)
		}
		wait(ctx, most/2+rand.N(most/2+1), changed, link)
	}
}

// wait sleeps for d or until one of the contexts ends.
func wait(ctx context.Context, d time.Duration, others ...context.Context) {
	if d <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for _, other := range others {
		defer context.AfterFunc(other, cancel)()
	}
	<-ctx.Done()
}

// escapeList joins names for a path: the separating commas stay as they are.
func escapeList(names []string) string {
	escaped := make([]string, len(names))
	for i, name := range names {
		escaped[i] = url.PathEscape(name)
	}
	return strings.Join(escaped, ",")
}

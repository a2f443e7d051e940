package exchange

import (
	"context"
	"errors"
	"time"

	"clinicgate/gateway/downlink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
)

// listener is the state of what judges arrivals.
type listener struct {
	budgets map[string]*budget
	newest  map[string]moment // of what each kiosk said it has
	tops    map[place]uint64  // newest event that came
	claims  map[place]claim
	told    map[downlink.Refusal]time.Time
}

// budget bounds what is looked at of one kiosk's messages.
type budget struct {
	messages, haves float64
	at              time.Time
}

const (
	messagesPerSecond, messagesAtOnce = 200, 2000
	havesPerSecond, havesAtOnce       = 4, 2 * maxParts
)

// spend takes one message of a budget, if there is one.
func (b *budget) spend(have bool, now time.Time) bool {
	elapsed := now.Sub(b.at).Seconds()
	b.at = now
	b.messages = min(b.messages+elapsed*messagesPerSecond, messagesAtOnce)
	b.haves = min(b.haves+elapsed*havesPerSecond, havesAtOnce)
	left := &b.messages
	if have {
		left = &b.haves
	}
	if *left < 1 {
		return false
	}
	*left--
	return true
}

// arrived takes a message from the bus. It is never late with its answer: what
// cannot wait here is dropped, and asked for again.
func (e *Exchange) arrived(_ context.Context, t string, payload []byte) error {
	writer, leaf, ok := parseTopic(e.cfg.Site, t)
	switch {
	case ok && writer == e.cfg.Self:
		return nil // what this kiosk said itself comes back
	case !ok:
		e.count(func(s *Status) { s.Refused[RefusedTopic]++ })
		return nil
	case len(payload) > maxPayload:
		e.count(func(s *Status) { s.Refused[downlink.RefusedSize]++ })
		return nil
	}
	select {
	case e.inbox <- arrival{writer, leaf, payload}:
	default:
		e.count(func(s *Status) { s.Overrun++ })
		e.askWithin(4 * time.Second)
	}
	return nil
}

// listen judges arrivals until ctx ends.
func (e *Exchange) listen(ctx context.Context) {
	if held, err := e.mine(ctx); err == nil {
		for s, of := range held {
			for _, h := range of {
				e.listener.tops[place{s, h.Inc}] = h.top()
			}
		}
	}
	for {
		var group []arrival
		select {
		case <-ctx.Done():
			return
		case a := <-e.inbox:
			group = append(group, a)
		}
		for more := true; more && len(group) < groupSize; {
			select {
			case a := <-e.inbox:
				group = append(group, a)
			default:
				more = false
			}
		}
		e.take(ctx, group)
	}
}

// take judges a group and stores what is believed.
func (e *Exchange) take(ctx context.Context, group []arrival) {
	known := map[string]bool{}
	for _, k := range e.cfg.Kiosks() {
		known[k] = k != downlink.Authority
	}
	var believed []downlink.Believed
	for _, a := range group {
		if !known[a.writer] {
			e.refuse(a.leaf, downlink.RefusedSigner)
			continue
		}
		b := e.listener.budgets[a.writer]
		if b == nil {
			b = &budget{messages: messagesAtOnce, haves: havesAtOnce, at: time.Now()}
			e.listener.budgets[a.writer] = b
		}
		if !b.spend(a.leaf == leafHave, time.Now()) {
			e.refuse(a.leaf, RefusedRate)
			continue
		}
		if a.leaf == leafHave {
			e.hear(ctx, a)
			continue
		}
		events, err := e.read(a)
		if why, ok := downlink.RefusalOf(err); ok {
			e.refuse(a.leaf, why)
			continue
		}
		if len(events) > 0 {
			e.noted(a.writer, events)
			believed = append(believed, events...)
		}
	}
	if len(believed) > 0 {
		e.keep(ctx, believed)
	}
}

// read decrypts, parses and judges one message; nothing, where it is not for here.
func (e *Exchange) read(a arrival) ([]downlink.Believed, error) {
	c, ok := kiosk.ParseChannel(a.leaf)
	if !ok || !c.Site() {
		return nil, downlink.Refuse(RefusedChannel)
	}
	if !e.takes(a.leaf) {
		return nil, nil // of a department that this kiosk has not
	}
	env, err := e.open(a.payload)
	if err != nil {
		return nil, err
	}
	events, own, err := e.inlet.Judge(a.leaf, env)
	if own {
		events = nil
	}
	return events, err
}

// open decrypts and parses.
func (e *Exchange) open(payload []byte) (env wire.Envelope, err error) {
	_, _, err = e.cipher.Decrypt(string(payload), func(plain []byte) bool {
		var err error
		env, err = wire.Parse(plain)
		return err == nil
	})
	if err != nil {
		return env, downlink.Refuse(downlink.RefusedUnreadable)
	}
	return env, nil
}

// noted keeps in mind who was on the bus with what, and asks where one event
// shows that others before it did not come.
func (e *Exchange) noted(writer string, events []downlink.Believed) {
	now := time.Now()
	e.mu.Lock()
	e.spoke[writer], e.status.LastHeard = now, now
	for _, b := range events {
		e.passed[stream{b.Origin.Kiosk, b.Channel}] = now
	}
	e.mu.Unlock()
	for _, b := range events {
		at := place{stream{b.Origin.Kiosk, b.Channel}, b.Origin.Inc}
		top := e.listener.tops[at]
		if b.Origin.Seq > top+1 {
			e.askWithin(time.Second) // what was overtaken comes meanwhile
		}
		remember(e.listener.tops, at, max(top, b.Origin.Seq))
	}
}

// remember bounds what is kept in mind of places, which a listed kiosk could make
// as many of as it likes. To forget costs a question.
func remember[V any](m map[place]V, at place, v V) {
	if len(m) >= maxPlaces {
		clear(m)
	}
	m[at] = v
}

const maxPlaces = 8192

// keep stores what is believed; one by one, where they cannot be stored together.
func (e *Exchange) keep(ctx context.Context, list []downlink.Believed) {
	taken, err := e.inlet.Take(ctx, list)
	if err != nil && len(list) > 1 && ctx.Err() == nil {
		for _, b := range list {
			e.keep(ctx, []downlink.Believed{b})
		}
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			e.log.Warn("a message of the site was not stored; it is asked for again", "channel", list[0].Channel, "from", list[0].Origin.Kiosk, "reason", err)
			e.count(func(s *Status) { s.Overrun++ })
			e.askWithin(10 * time.Second)
		}
		return
	}
	e.count(func(s *Status) {
		s.Taken += uint64(len(taken.Fresh))
		s.Duplicates += uint64(taken.Duplicates)
	})
	for _, r := range taken.Refused {
		e.refuse(r.Channel, r.Why)
	}
}

// hear takes what another kiosk says it has: it may lack something that is here,
// and something may be lacking here.
func (e *Exchange) hear(ctx context.Context, a arrival) {
	lines, err := e.readHave(a)
	if why, ok := downlink.RefusalOf(err); ok {
		e.refuse(a.leaf, why)
	}
	if err != nil {
		return
	}
	now := time.Now()
	e.mu.Lock()
	e.spoke[a.writer], e.status.LastHeard = now, now
	e.mu.Unlock()
	e.asked(a.writer, lines)
	mine, err := e.mine(ctx)
	if err != nil {
		return
	}
	for _, l := range lines {
		of, known := mine[l.stream()]
		if !known || l.Inc == 0 {
			continue
		}
		here := line{}
		for _, h := range of {
			if h.Inc == l.Inc {
				here = h
			}
		}
		if l.Seq <= here.Seq {
			continue
		}
		at := place{l.stream(), l.Inc}
		c := e.listener.claims[at]
		if l.Seq > c.seq || here.amount() > c.amount || now.Sub(c.at) > unansweredAgain {
			remember(e.listener.claims, at, claim{l.Seq, here.amount(), now})
			e.askWithin(time.Second)
		}
	}
}

var errAgain = errors.New("a message came twice")

// readHave decrypts, verifies and parses what a kiosk says it has.
func (e *Exchange) readHave(a arrival) ([]line, error) {
	env, err := e.open(a.payload)
	if err != nil {
		return nil, err
	}
	t := topic(e.cfg.Site, a.writer, leafHave)
	if err := e.inlet.Verify(t, env); err != nil {
		return nil, err
	}
	if env.GW.Kiosk != a.writer || len(env.Events) != 1 {
		return nil, downlink.Refuse(RefusedTopic)
	}
	said := moment{env.GW.Boot, env.GW.Mono, env.GW.Seq}
	if last, any := e.listener.newest[a.writer]; any && !last.before(said) {
		if last == said {
			return nil, errAgain // the broker delivers at least once
		}
		return nil, downlink.Refuse(downlink.RefusedReplay)
	}
	lines, err := parseHave(env.Events[0].Shape())
	if err != nil {
		return nil, downlink.Refuse(downlink.RefusedUnreadable)
	}
	e.listener.newest[a.writer] = said
	return lines, nil
}

// refuse counts a message that is not believed, and tells of it now and then.
func (e *Exchange) refuse(leaf string, why downlink.Refusal) {
	e.count(func(s *Status) { s.Refused[why]++ })
	now := time.Now()
	if last := e.listener.told[why]; last.IsZero() || now.Sub(last) > time.Minute {
		e.listener.told[why] = now
		e.cfg.Refused(leaf, why)
	}
}

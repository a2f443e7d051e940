package exchange

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// speaker is the state of what is said.
type speaker struct {
	said    map[string]storage.Cursor // last own event said of each channel
	pending []message                 // of a reply, not yet said
	number  uint64                    // of the last saying of what is here
	turn    int                       // line that the next saying begins with
	haveAt  time.Time                 // when to say it even if nobody wishes it
	lastAt  time.Time                 // when it was last said
}

// message is what is to be published.
type message struct {
	leaf    string
	text    []byte
	foreign bool
}

const (
	pageSize = 64 // events of a stream that are said before another has its turn
	between  = 16 // messages of a reply between two looks at what is new
)

// speak says what is new here, what this kiosk has, and what others lack, until
// ctx ends. Where the bus takes nothing, nothing is lost: the store is the buffer.
func (e *Exchange) speak(ctx context.Context) {
	news, stop := e.store.Follow()
	defer stop()
	for _, st := range e.store.Streams() {
		e.speaker.said[st.Channel] = st.Next // what came before is asked for
	}
	e.speaker.haveAt = time.Now().Add(haveEvery)
	timer := time.NewTimer(0)
	defer timer.Stop()
	up, failures := false, 0
	var retry time.Time
	for {
		wait := time.Hour
		if up || !retry.IsZero() && !time.Now().Before(retry) {
			w, err := e.turn(ctx)
			wait = w
			switch {
			case ctx.Err() != nil:
				return
			case err == nil:
				up, failures, retry = true, 0, time.Time{}
			default:
				if failures++; failures == 1 || failures%50 == 0 {
					e.log.Warn("the site's broker takes nothing", "reason", err, "tries", failures)
				}
				up, e.speaker.pending = false, nil
				e.askWithin(time.Second) // once it takes something again
				retry = time.Now().Add(min(5*time.Second, 250*time.Millisecond<<min(failures, 5)) + rand.N(250*time.Millisecond))
			}
			e.count(func(s *Status) { s.Connected = up })
		}
		if !up && !retry.IsZero() {
			wait = time.Until(retry)
		}
		timer.Reset(max(0, wait))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-news:
		case <-e.wake:
		case <-e.connected:
			up, failures, retry = true, 0, time.Time{}
			e.askWithin(time.Second) // not everybody at once
		}
	}
}

// turn says what is due and tells how long until more is.
func (e *Exchange) turn(ctx context.Context) (time.Duration, error) {
	s := &e.speaker
	more, err := e.sayNews(ctx)
	if err != nil {
		return 0, err
	}
	if err := e.sayHave(ctx); err != nil {
		return 0, err
	}
	if len(s.pending) == 0 {
		if s.pending, err = e.replies(ctx); err != nil {
			return 0, err
		}
	}
	n := min(len(s.pending), between)
	for _, m := range s.pending[:n] {
		if err := e.publish(ctx, m.leaf, m.text); err != nil {
			return 0, err
		}
		e.count(func(st *Status) {
			st.Repeated++
			if m.foreign {
				st.Forwarded++
			}
		})
	}
	s.pending = s.pending[n:]
	if more || len(s.pending) > 0 {
		return 0, nil
	}
	return time.Until(e.next()), nil
}

// next is when something falls due.
func (e *Exchange) next() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.speaker.haveAt
	if !e.askAt.IsZero() {
		at = soonest(at, later(e.askAt, e.speaker.lastAt.Add(haveApart)))
	}
	for _, a := range e.asks {
		at = soonest(at, a.due())
	}
	return at
}

func soonest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sayNews publishes what happened here, most urgent streams first, a page of each.
func (e *Exchange) sayNews(ctx context.Context) (more bool, err error) {
	for _, st := range e.store.Streams() {
		c, ok := kiosk.ParseChannel(st.Channel)
		said := e.speaker.said[st.Channel]
		if !ok || !c.Site() || !said.Less(st.Next) {
			continue
		}
		if said.Inc == st.Next.Inc {
			said.Seq = max(said.Seq, windowStart(st.Next.Seq)) // who lacks more will ask
		}
		records, err := e.store.Read(ctx, st.Channel, "", said, pageSize)
		if err != nil {
			return false, fmt.Errorf("cannot read what is new: %w", err)
		}
		if len(records) == 0 {
			e.speaker.said[st.Channel] = st.Next // it grew old, or does not open
			continue
		}
		for _, r := range records {
			text, err := e.sign(r)
			if err != nil {
				return false, err
			}
			if text != nil {
				if err := e.publish(ctx, r.Channel, text); err != nil {
					return false, err
				}
				e.count(func(s *Status) { s.Said++ })
			}
			e.speaker.said[st.Channel] = cursor(r)
		}
		more = more || len(records) == pageSize
	}
	return more, nil
}

// sign makes the text of an own event, the same as PubNub gets. It is nil for an
// event that is too large to be said.
func (e *Exchange) sign(r storage.Record) ([]byte, error) {
	signer, err := e.cfg.Signer()
	if err != nil {
		return nil, fmt.Errorf("cannot sign: %w", err)
	}
	text, err := signer.Message(r)
	if errors.Is(err, wire.ErrTooLarge) {
		return nil, nil // PubNub does not get it either, and a gap tells
	}
	return text, err
}

// sayHave publishes what is here, when it is due.
func (e *Exchange) sayHave(ctx context.Context) error {
	s := &e.speaker
	now := time.Now()
	e.mu.Lock()
	wished := !e.askAt.IsZero() && !now.Before(e.askAt)
	due := (wished || !now.Before(s.haveAt)) && !now.Before(s.lastAt.Add(haveApart))
	if due {
		e.askAt = time.Time{}
	}
	e.mu.Unlock()
	if !due {
		return nil
	}
	s.lastAt, s.haveAt = now, now.Add(haveEvery*3/4+rand.N(haveEvery/2))
	lines, err := e.here(ctx)
	if err != nil {
		return err
	}
	if len(lines) > 0 { // what found no place the last time comes first
		at := s.turn % len(lines)
		lines = slices.Concat(lines[at:], lines[:at])
	}
	bodies, packed, err := parts(lines)
	if err != nil {
		return fmt.Errorf("cannot say what is here: %w", err)
	}
	s.turn += packed
	signer, err := e.cfg.Signer()
	if err != nil {
		return fmt.Errorf("cannot sign: %w", err)
	}
	for _, body := range bodies {
		s.number++
		text, err := haveText(signer, topic(e.cfg.Site, e.cfg.Self, leafHave), e.cfg.Now(), s.number, body)
		if err != nil {
			return fmt.Errorf("cannot say what is here: %w", err)
		}
		if err := e.publish(ctx, leafHave, text); err != nil {
			return err
		}
	}
	return nil
}

// here lists what is held of every stream, this kiosk's own included.
func (e *Exchange) here(ctx context.Context) (lines []line, err error) {
	for _, st := range e.store.Streams() {
		if c, ok := kiosk.ParseChannel(st.Channel); ok && c.Site() {
			lines = append(lines, line{Kiosk: e.cfg.Self, Channel: st.Channel, Inc: st.Next.Inc, Seq: st.Next.Seq})
		}
	}
	mine, err := e.mine(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read what is here: %w", err)
	}
	for _, s := range sorted(mine) {
		lines = append(lines, mine[s]...)
	}
	return lines, nil
}

// publish encrypts and sends.
func (e *Exchange) publish(ctx context.Context, leaf string, text []byte) error {
	payload, err := e.cipher.Encrypt(text)
	if err != nil {
		return fmt.Errorf("cannot encrypt: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, saidTimeout)
	defer cancel()
	return e.bus.Publish(ctx, topic(e.cfg.Site, e.cfg.Self, leaf), []byte(payload))
}

package emulator

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const presenceSuffix = "-pnpres"

// channel is whatever a subscriber can ask for by one name: a channel, a
// presence channel or a wildcard. The emulator's mu guards it.
type channel struct {
	recent  []event // newest deliveries, by position
	stored  []*stored
	actions []action // by action timetoken
	held    []held   // deliveries kept back by a fault
	waiting map[*poll]struct{}
	used    int64 // timetoken of the last use, for eviction
}

type held struct {
	message *Message
	kind    int
}

// channel returns the named channel, made if new. Callers hold mu.
func (e *Emulator) channel(name string) *channel {
	c := e.channels[name]
	if c == nil {
		if len(e.channels) >= e.opts.MaxChannels {
			e.forgetChannels()
		}
		c = &channel{waiting: map[*poll]struct{}{}}
		e.channels[name] = c
	}
	c.used = e.last
	return c
}

// forgetChannels drops the sixteenth of the channels that nobody waits on and
// that was used least recently.
func (e *Emulator) forgetChannels() {
	var idle []string
	for name, c := range e.channels {
		if len(c.waiting) == 0 && len(c.held) == 0 {
			idle = append(idle, name)
		}
	}
	slices.SortFunc(idle, func(a, b string) int { return cmp.Compare(e.channels[a].used, e.channels[b].used) })
	for _, name := range idle[:min(len(idle), e.opts.MaxChannels/16+1)] {
		for _, s := range e.channels[name].stored {
			e.bytes -= s.size
		}
		delete(e.channels, name)
	}
}

// topics are the names under which a message on channel name can be subscribed:
// itself, and the wildcards of its first two levels.
func (e *Emulator) topics(name string) []string {
	out := []string{name}
	base, presence := strings.CutSuffix(name, presenceSuffix)
	if e.opts.NoWildcard || strings.HasSuffix(base, ".*") {
		return out
	}
	suffix := ""
	if presence {
		suffix = presenceSuffix
	}
	for i, from := 0, 0; i < 2; i++ {
		dot := strings.IndexByte(base[from:], '.')
		if dot < 0 {
			break
		}
		from += dot + 1
		out = append(out, base[:from]+"*"+suffix)
	}
	return out
}

// deliver puts the message before subscribers, then whatever a fault held back
// behind it. Callers hold mu.
func (e *Emulator) deliver(m *Message, kind int) {
	at := m.Timetoken
	if at < e.last { // accepted earlier, or delivered again
		at = e.next()
	}
	for _, topic := range e.topics(m.Channel) {
		c := e.channel(topic)
		c.recent = append(c.recent, event{Message: m, at: at, kind: kind})
		if len(c.recent) >= 2*e.opts.BufferSize {
			c.recent = slices.Clone(c.recent[len(c.recent)-e.opts.BufferSize:])
		}
		for p := range c.waiting {
			p.nudge()
		}
	}
	e.release(m.Channel)
}

// hold keeps a delivery back until the channel's next one, at most for d.
func (e *Emulator) hold(m *Message, kind int, d time.Duration) {
	if d <= 0 {
		d = time.Second
	}
	c := e.channel(m.Channel)
	c.held = append(c.held, held{m, kind})
	e.after(d, func() { e.release(m.Channel) })
}

func (e *Emulator) release(name string) {
	c := e.channels[name]
	if c == nil || len(c.held) == 0 {
		return
	}
	out := c.held
	c.held = nil
	for _, h := range out {
		e.deliver(h.message, h.kind)
	}
}

// since returns deliveries beyond a position that are still in the buffer.
func (c *channel) since(at, oldest int64, size int) []event {
	recent := c.recent[max(0, len(c.recent)-size):]
	i, _ := slices.BinarySearchFunc(recent, max(at, oldest), func(v event, at int64) int {
		if v.at <= at {
			return -1
		}
		return 1
	})
	return recent[i:]
}

// store keeps a message in history within the bounds, oldest out first. Callers
// hold mu.
func (e *Emulator) store(m *Message, ttl, hide time.Duration) {
	const overhead = 256 // of the structures around a message, roughly
	s := &stored{Message: m, size: int64(len(m.Payload) + len(m.Meta) + len(m.Channel) + overhead)}
	if ttl > 0 {
		s.expires = e.opts.Now().Add(ttl)
	}
	if hide > 0 {
		s.visible = time.Now().Add(hide)
	}
	c := e.channel(m.Channel)
	c.stored = append(c.stored, s)
	e.bytes += s.size
	for len(c.stored) > e.opts.HistoryLimit || (e.bytes > e.opts.HistoryBytes && len(c.stored) > 1) {
		e.bytes -= c.stored[0].size
		c.stored[0] = nil
		c.stored = c.stored[1:]
	}
}

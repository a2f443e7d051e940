package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options shape one keyset. The zero value is a keyset "demo"/"demo" with
// wildcards, persistence and deletion on and Access Manager off.
type Options struct {
	PublishKey   string // default "demo"
	SubscribeKey string // default "demo"
	SecretKey    string // default "sec-demo"; signs tokens, checks signatures

	Now func() time.Time // clock behind timetokens and token expiry; default time.Now

	LongPoll        time.Duration // longest hold of a subscribe; default 280 s
	PresenceTimeout time.Duration // for clients that name none; default 300 s

	BufferSize int           // newest messages a subscriber can catch up on; default 100
	BufferAge  time.Duration // how long they stay in the buffer; default 20 min

	HistoryLimit int   // stored messages per channel; default 100,000
	HistoryBytes int64 // stored bytes over all channels; default 256 MiB
	MaxChannels  int   // channels remembered, the least used go first; default 20,000

	RequestLimit int  // requests kept for Requests; default 1,000
	RecordBodies bool // keep headers and bodies too

	AccessManager bool // every call but time needs a token or a signature

	NoWildcard           bool // wildcard subscribe off: depth of names is free
	NoPersistence        bool // nothing is stored; history answers 403
	NoDelete             bool // delete from history answers 403
	DeleteStartInclusive bool // a deletion takes its start and spares its end
	OversizeStatus       int  // status for a too large message: 413 (default) or 400
}

func (o Options) withDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	num := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	dur := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.PublishKey, "demo")
	def(&o.SubscribeKey, "demo")
	def(&o.SecretKey, "sec-demo")
	if o.Now == nil {
		o.Now = time.Now
	}
	dur(&o.LongPoll, 280*time.Second)
	dur(&o.PresenceTimeout, 300*time.Second)
	dur(&o.BufferAge, 20*time.Minute)
	num(&o.BufferSize, 100)
	num(&o.HistoryLimit, 100_000)
	num(&o.MaxChannels, 20_000)
	num(&o.RequestLimit, 1_000)
	num(&o.OversizeStatus, http.StatusRequestEntityTooLarge)
	if o.HistoryBytes <= 0 {
		o.HistoryBytes = 256 << 20
	}
	return o
}

// maxEntries bounds each small table (states, metadata records, links, groups,
// revoked tokens) that no Option bounds.
const maxEntries = 100_000

// Emulator is one keyset. It implements http.Handler and is safe for concurrent
// use. Close it when done, so that held requests end.
type Emulator struct {
	opts    Options
	routes  []route
	faults  *Faults
	traffic traffic
	done    chan struct{} // closed by Close

	mu        sync.Mutex // guards everything below; never held over I/O or a wait
	closed    bool
	last      int64 // newest timetoken given out
	channels  map[string]*channel
	bytes     int64 // stored, over all channels
	taps      []func(Message)
	timers    map[*time.Timer]struct{}
	presence  presence
	groups    map[string]*group
	regrouped chan struct{} // closed and replaced when a group changes
	objects   map[objectKind]map[string]*object
	links     map[linkKey]*link
	tokens    map[string]*token // parsed and authentic
	revoked   map[string]struct{}
	access    chan struct{} // closed and replaced when a token is revoked
}

// New returns an empty keyset. It starts nothing.
func New(o Options) *Emulator {
	o = o.withDefaults()
	return &Emulator{
		opts:      o,
		routes:    routes(),
		faults:    newFaults(),
		traffic:   traffic{limit: o.RequestLimit, bodies: o.RecordBodies},
		done:      make(chan struct{}),
		channels:  map[string]*channel{},
		timers:    map[*time.Timer]struct{}{},
		presence:  newPresence(),
		groups:    map[string]*group{},
		regrouped: make(chan struct{}),
		objects:   map[objectKind]map[string]*object{channelObject: {}, uuidObject: {}},
		links:     map[linkKey]*link{},
		tokens:    map[string]*token{},
		revoked:   map[string]struct{}{},
		access:    make(chan struct{}),
	}
}

// Close ends held requests by resetting them and stops every timer. Requests
// that come later are reset. Closing twice is harmless.
func (e *Emulator) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	close(e.done)
	for t := range e.timers {
		t.Stop()
	}
	clear(e.timers)
}

// Faults are the ways this keyset fails.
func (e *Emulator) Faults() *Faults { return e.faults }

// Tap adds an observer of every accepted publish, signal and fire, called in
// timetoken order before anybody receives the message. It is called with the
// emulator locked: it must return at once and must not call the emulator.
func (e *Emulator) Tap(see func(Message)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taps = append(e.taps, see)
}

// History returns what is stored on a channel, oldest first, including what a
// fault still hides from readers.
func (e *Emulator) History(channel string) []Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.channels[channel]
	if c == nil {
		return nil
	}
	out := make([]Message, 0, len(c.stored))
	for _, s := range c.stored {
		out = append(out, *s.Message)
	}
	return out
}

// Channels names every channel with stored messages, sorted.
func (e *Emulator) Channels() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var names []string
	for name, c := range e.channels {
		if len(c.stored) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// InjectRaw publishes as a foreign client would, past keys, limits, tokens and
// faults, stored, and returns the timetoken. A payload that is not JSON travels
// as a JSON string.
func (e *Emulator) InjectRaw(channel string, payload json.RawMessage, uuid string) int64 {
	if !json.Valid(payload) {
		payload, _ = json.Marshal(string(payload))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m := &Message{Channel: channel, Payload: slices.Clone(payload), UUID: uuid, Store: !e.opts.NoPersistence}
	return e.accept(m, publishFault{})
}

// Requests returns the newest requests, oldest first, up to RequestLimit.
func (e *Emulator) Requests() []Request { return e.traffic.list() }

// next returns a fresh timetoken. Callers hold mu.
func (e *Emulator) next() int64 {
	e.last = max(e.last+1, e.opts.Now().UnixNano()/100)
	return e.last
}

// after runs f with mu held once d has passed, unless Close comes first. Callers
// hold mu.
func (e *Emulator) after(d time.Duration, f func()) {
	if e.closed {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.timers, t)
		if !e.closed {
			f()
		}
	})
	e.timers[t] = struct{}{}
}

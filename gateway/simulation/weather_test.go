package simulation_test

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// sky is what the way from a kiosk to PubNub is like for a while.
type sky uint8

const (
	fair      sky = iota
	noRoute       // refused at once
	blackHole     // swallowed until the request gives up
	denied        // 403
	throttled     // 429
	broken        // 503
)

func (s sky) String() string {
	return [...]string{"fair", "no route", "black hole", "403", "429", "503"}[s]
}

// spell is a time of one sky over a kiosk, or over all.
type spell struct {
	sky      sky
	kiosk    int // -1: all
	from, to time.Duration
}

func (s spell) String() string {
	who := "all kiosks"
	if s.kiosk >= 0 {
		who = "kiosk " + string(rune('a'+s.kiosk))
	}
	return fmt.Sprintf("%v to %v: %v over %s", s.from.Round(time.Second), s.to.Round(time.Second), s.sky, who)
}

// rates are the shares of requests, or messages, that something happens to.
type rates struct {
	loseRequest, loseReply, duplicate, slow, loseBell, lateBell, lateHistory float64
	slowDisk, unknownCommit, fenced                                          float64
}

// weather is everything that goes wrong around the kiosks. It ends.
type weather struct {
	start  time.Time
	end    time.Duration
	spells []spell
	rates  rates
}

func (w *weather) now() time.Duration { return time.Since(w.start) }

func (w *weather) over() bool { return w.now() >= w.end }

// at is the sky over a kiosk now.
func (w *weather) at(kiosk int) sky {
	now := w.now()
	for _, s := range w.spells {
		if (s.kiosk == kiosk || s.kiosk < 0) && s.from <= now && now < s.to {
			return s.sky
		}
	}
	return fair
}

// linked reports whether requests of a kiosk are answered at all.
func (w *weather) linked(kiosk int) bool {
	s := w.at(kiosk)
	return s != noRoute && s != blackHole
}

// turn is how long until the sky over a kiosk changes; an hour if it does not.
func (w *weather) turn(kiosk int) time.Duration {
	now, wait := w.now(), time.Hour
	for _, s := range w.spells {
		if s.kiosk != kiosk && s.kiosk >= 0 {
			continue
		}
		for _, edge := range []time.Duration{s.from, s.to} {
			if edge > now {
				wait = min(wait, edge-now)
			}
		}
	}
	return wait
}

// fate is what happens to one request. All of it is drawn at once, so that each
// request takes the same number of draws.
type fate struct {
	up, down     time.Duration
	loseRequest  bool
	loseReply    bool
	duplicate    time.Duration // 0: none
	arriveLate   time.Duration // a lost request that arrives all the same; 0: never
	arriveAnyway bool          // its sender went away meanwhile
	lateHistory  time.Duration
}

func (w *weather) fate(d *rand.Rand) fate {
	f := fate{
		up: upTo(d, 5*time.Millisecond, 60*time.Millisecond), down: upTo(d, 5*time.Millisecond, 60*time.Millisecond),
		arriveAnyway: d.IntN(2) == 0,
	}
	slowUp, slowDown := upTo(d, 0, 12*time.Second), upTo(d, 0, 12*time.Second)
	dup, late, history := upTo(d, 1, 90*time.Second), upTo(d, 1, 30*time.Second), upTo(d, 0, 100*time.Second)
	rolls := [6]float64{d.Float64(), d.Float64(), d.Float64(), d.Float64(), d.Float64(), d.Float64()}
	if w.over() {
		return f
	}
	if rolls[0] < w.rates.slow {
		f.up, f.down = slowUp, slowDown
	}
	f.loseRequest = rolls[1] < w.rates.loseRequest
	f.loseReply = rolls[2] < w.rates.loseReply
	if rolls[3] < w.rates.duplicate {
		f.duplicate = dup
	}
	if rolls[4] < 0.3 {
		f.arriveLate = late
	}
	if rolls[5] < w.rates.lateHistory {
		f.lateHistory = history
	}
	return f
}

// upTo draws a duration from least to most.
func upTo(d *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least)+1))
}

// die gives a source of draws that depends on the seed and a name only.
func die(seed uint64, name string) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

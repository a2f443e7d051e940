package gpio

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"clinicgate/devices"
)

// The verbs. Each has one argument, ArgPattern, and no other.
const (
	VerbShow   = "show"  // of a lamp: off, on, blink, fast-blink, pulse-1 to pulse-20
	VerbSound  = "sound" // of a sounder: off, alarm, pulse-1 to pulse-5
	ArgPattern = "pattern"
)

// The patterns that stay until another is asked for. "pulse-n" is on n times;
// then what was there before goes on.
const (
	Off       = "off"
	On        = "on"
	Blink     = "blink"      // once a second
	FastBlink = "fast-blink" // three times a second, and never more: faster may cause seizures (WCAG 2.3.1)
	Alarm     = "alarm"
)

// pattern is on and off in turn, beginning with on.
type pattern struct {
	name  string
	steps []time.Duration // pairs of on and off; none: off
	times int             // how often; 0: until another is asked for
}

const ms = time.Millisecond

// patterns lists those that stay. A lamp that is on has a pause of nothing.
func patterns(class devices.Class) []pattern {
	if class == devices.Sounder {
		return []pattern{{name: Off}, {name: Alarm, steps: alarm(2 * time.Second)}}
	}
	return []pattern{
		{name: Off},
		{name: On, steps: []time.Duration{time.Hour, 0}},
		{name: Blink, steps: []time.Duration{500 * ms, 500 * ms}},
		{name: FastBlink, steps: []time.Duration{170 * ms, 170 * ms}},
	}
}

// alarm is three short sounds and a pause.
func alarm(pause time.Duration) []time.Duration {
	return []time.Duration{200 * ms, 150 * ms, 200 * ms, 150 * ms, 200 * ms, pause}
}

// pulse is one sound or light of pulse-n.
func pulse(class devices.Class) (steps []time.Duration, most int) {
	if class == devices.Sounder {
		return []time.Duration{150 * ms, 250 * ms}, 5
	}
	return []time.Duration{400 * ms, 300 * ms}, 20
}

// parse reads a command by the closed schema of its class.
func parse(class devices.Class, c devices.Command) (pattern, error) {
	verb := VerbShow
	if class == devices.Sounder {
		verb = VerbSound
	}
	if c.Verb != verb {
		return pattern{}, fmt.Errorf("verb of a %s is %s: %w", class, verb, devices.ErrUnsupported)
	}
	name, ok := c.Args[ArgPattern]
	if !ok || len(c.Args) != 1 {
		return pattern{}, fmt.Errorf("%s takes the argument %s alone: %w", verb, ArgPattern, devices.ErrUnsupported)
	}
	for _, p := range patterns(class) {
		if p.name == name {
			return p, nil
		}
	}
	steps, most := pulse(class)
	if n, pulses := strings.CutPrefix(name, "pulse-"); pulses {
		if times, err := strconv.Atoi(n); err == nil && times >= 1 && times <= most && strconv.Itoa(times) == n {
			return pattern{name, steps, times}, nil
		}
	}
	return pattern{}, fmt.Errorf("a %s has no such pattern: %w", class, devices.ErrUnsupported)
}

// at gives what the pattern says after some time, and for how long; 0: for good.
// It reports false once the pattern is over.
func (p pattern) at(elapsed time.Duration) (on bool, left time.Duration, going bool) {
	var round time.Duration
	for _, d := range p.steps {
		round += d
	}
	if round == 0 {
		return false, 0, true
	}
	if p.times > 0 && elapsed >= round*time.Duration(p.times) {
		return false, 0, false
	}
	elapsed %= round
	for i, d := range p.steps {
		if elapsed < d {
			return i%2 == 0, d - elapsed, true
		}
		elapsed -= d
	}
	panic("gpio: a rest of a round is as long as the round")
}

// player says what an output shows or sounds: a pattern that stays, and a pulse
// over it. Its owner is the output's Run.
type player struct {
	limit         time.Duration // of an alarm at its full pace
	base, over    pattern
	began, pulsed time.Time
}

// reminder is the alarm after its limit: once a minute, like the page's own.
func reminder() pattern { return pattern{name: Alarm, steps: alarm(time.Minute)} }

// play begins a pattern. One that stays and is there already goes on as it is.
func (y *player) play(p pattern, now time.Time) {
	switch {
	case p.times > 0:
		y.over, y.pulsed = p, now
	case p.name != y.base.name:
		y.base, y.began = p, now
	}
}

// at gives what is to be on now, and for how long; 0: until play.
func (y *player) at(now time.Time) (on bool, left time.Duration) {
	if y.over.times > 0 {
		if on, left, going := y.over.at(now.Sub(y.pulsed)); going {
			return on, left
		}
		y.over = pattern{}
	}
	p, began := y.base, y.began
	if p.name == Alarm && now.Sub(began) >= y.limit {
		p, began = reminder(), began.Add(y.limit)
	}
	on, left, _ = p.at(now.Sub(began))
	return on, left
}

// silence forgets a pulse: it was for who was here then.
func (y *player) silence() { y.over = pattern{} }

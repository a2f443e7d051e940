package keyring

import (
	"errors"
	"testing"
	"time"
)

func TestWhileHeld(t *testing.T) {
	busy, other := errors.New("held"), errors.New("no such folder")
	for _, c := range []struct {
		name   string
		after  int // tries that find the file held
		then   error
		want   error
		within time.Duration
	}{
		{"free", 0, nil, nil, 0},
		{"held for a moment", 5, nil, nil, time.Second},
		{"another error", 0, other, other, 0},
		{"held, then another error", 2, other, other, time.Second},
		{"held for good", 1 << 30, nil, busy, heldBound + heldMost},
	} {
		tries, waited := 0, time.Duration(0)
		err := whileHeld(func() error {
			if tries++; tries <= c.after {
				return busy
			}
			return c.then
		}, func(err error) bool { return errors.Is(err, busy) }, func(d time.Duration) { waited += d })
		if !errors.Is(err, c.want) || waited > c.within {
			t.Errorf("%s: %v after %d tries and %v", c.name, err, tries, waited)
		}
	}
}

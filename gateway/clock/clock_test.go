package clock_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/clock"

	"github.com/google/uuid"
)

// source answers with the true time, which the machine's clock is off from.
type source struct {
	delay time.Duration

	mu   sync.Mutex
	off  time.Duration // guarded by mu
	fail bool          // guarded by mu
}

func (s *source) Time(ctx context.Context) (time.Time, error) {
	time.Sleep(s.delay / 2)
	s.mu.Lock()
	t, fail := time.Now().Add(s.off), s.fail
	s.mu.Unlock()
	time.Sleep(s.delay / 2)
	if fail {
		return time.Time{}, errors.New("no network")
	}
	return t, nil
}

func (s *source) set(off time.Duration, fail bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off, s.fail = off, fail
}

func TestClockLearnsTheTrustedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{off: 9 * time.Hour, fail: true, delay: 800 * time.Millisecond}
		c := clock.New(clock.This())
		before := c.Now()
		if before.Synced || before.Wall.Sub(time.Now()).Abs() > time.Millisecond {
			t.Fatalf("before the first answer: %+v", before)
		}
		var zero time.Time
		var boot uuid.UUID
		var steps []time.Duration
		failures := 1
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- c.Run(ctx, clock.Config{
				Corrected: func(_ context.Context, b uuid.UUID, z time.Time) error {
					if failures--; failures >= 0 {
						return errors.New("store is fenced")
					}
					boot, zero = b, z
					return nil
				},
				Stepped: func(by time.Duration) { steps = append(steps, by) },
			}, src, slog.New(slog.DiscardHandler))
		}()
		time.Sleep(time.Minute)
		if c.Now().Synced {
			t.Fatal("synced without an answer")
		}
		src.set(9*time.Hour, false)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		now := c.Now()
		if !now.Synced || now.Wall.Sub(time.Now().Add(9*time.Hour)).Abs() > 10*time.Millisecond {
			t.Fatalf("after the first answer: %+v, true time %v", now, time.Now().Add(9*time.Hour))
		}
		// What was stamped before is found again from the boot's zero and its own mono.
		if boot != before.Boot || zero.Add(before.Mono).Sub(before.Wall.Add(9*time.Hour)).Abs() > 10*time.Millisecond {
			t.Errorf("boot %v began at %v, so the early event was at %v", boot, zero, zero.Add(before.Mono))
		}
		src.set(9*time.Hour+time.Minute, false)
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		if len(steps) != 1 || (steps[0]-time.Minute).Abs() > 10*time.Millisecond {
			t.Errorf("steps %v, want one of a minute", steps)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A machine whose battery is flat begins in 1970 and is corrected like any other.
func TestClockOfAMachineWithoutTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boot := uuid.New()
		c := clock.New(clock.Machine{Wall: time.Unix(40, 0), Boot: boot, Uptime: 40 * time.Second})
		time.Sleep(time.Hour)
		if now := c.Now(); now.Synced || !now.Wall.Equal(time.Unix(3640, 0)) || now.Boot != boot || now.Mono != time.Hour+40*time.Second {
			t.Fatalf("before the first answer: %+v", now)
		}
		true40 := time.Now().Add(-time.Hour - 40*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		var zero time.Time
		go func() {
			done <- c.Run(ctx, clock.Config{Corrected: func(_ context.Context, b uuid.UUID, z time.Time) error {
				if b != boot {
					t.Errorf("corrected boot %v", b)
				}
				zero = z
				return nil
			}}, &source{}, slog.New(slog.DiscardHandler))
		}()
		time.Sleep(time.Second)
		synctest.Wait()
		if now := c.Now(); !now.Synced || !now.Wall.Equal(time.Now()) || !zero.Equal(true40) {
			t.Errorf("after it: %+v, the boot began at %v, want %v", now, zero, true40)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

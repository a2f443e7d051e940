package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"clinicgate/storage/keyring"
)

const (
	careEvery = time.Minute
	slowEvery = 15 // rounds, for what nobody waits for
)

// Run takes care of the store until ctx ends: checkpoints, retention, space,
// and a slow reading of everything. Nothing that Append promises depends on it.
// It returns nil when ctx or the store ends.
func (s *Store) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	tick := time.NewTicker(careEvery)
	defer tick.Stop()
	for round := 1; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.care(ctx)
			if round%slowEvery == 0 {
				s.slowCare(ctx)
			}
			round++
		case <-s.pressed:
			s.attend(ctx, "space", s.relieve)
		}
	}
}

// care is what every round does. What fails now is tried again next time.
func (s *Store) care(ctx context.Context) {
	s.attend(ctx, "checkpoint", func(ctx context.Context) error {
		_, err := s.Checkpoint(ctx)
		return err
	})
	s.attend(ctx, "space", s.relieve)
	s.attend(ctx, "scrub", s.scrub)
	if s.compactable() {
		s.attend(ctx, "space", func(ctx context.Context) error { return s.Compact(ctx, nil) })
	}
}

func (s *Store) slowCare(ctx context.Context) {
	s.attend(ctx, "retention", func(ctx context.Context) error { return s.Retain(ctx, nil) })
	s.attend(ctx, "blobs", s.sweep)
	s.attend(ctx, "quarantine", s.tidyAside)
	s.attend(ctx, "keys", s.tendKeys)
}

// Damaged files are kept for whoever wants to look at them, but not for ever.
const (
	asideAge = 30 * 24 * time.Hour
	asideMax = 4
)

// tidyAside takes away damaged files that are old, or too many.
func (s *Store) tidyAside(context.Context) error {
	now := s.o.Now()
	entries, err := os.ReadDir(s.path(quarantineName)) // by name, which is by age
	if err != nil || !now.Synced {
		return err
	}
	for i, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if len(entries)-i > asideMax || now.Wall.Sub(info.ModTime()) > asideAge {
			if err := s.aside.Remove(e.Name()); err != nil {
				return err
			}
			s.o.Logger.Info("damaged file removed", "name", e.Name())
		}
	}
	return nil
}

// keeper is a keyring that counts how often its keys were used.
type keeper interface {
	Due(class string, maxAge time.Duration) bool
	Rotate(class string) (keyring.Epoch, error)
	SaveUses() error
}

// keyAge is how long a key seals before the next epoch of its class begins.
const keyAge = 30 * 24 * time.Hour

// tendKeys begins new epochs of keys that are old or much used.
func (s *Store) tendKeys(ctx context.Context) error {
	k, ok := s.o.Keys.(keeper)
	if !ok {
		return nil
	}
	for _, class := range s.classes() {
		if !k.Due(class, keyAge) {
			continue
		}
		if err := s.RotateKey(ctx, class); err != nil {
			return err
		}
	}
	return k.SaveUses()
}

// RotateKey begins a new epoch of a class: new records are sealed with a new key,
// which is durable before its first use, and the old ones stay readable.
func (s *Store) RotateKey(_ context.Context, class string) error {
	k, ok := s.o.Keys.(keeper)
	if !ok {
		return fmt.Errorf("cannot rotate key of class %q: the keys are fixed", class)
	}
	e, err := k.Rotate(class)
	if err != nil {
		return fmt.Errorf("cannot rotate key: %w", err)
	}
	s.o.Logger.Info("key rotated", "class", class, "epoch", e.Epoch, "key", e.ID.String())
	return nil
}

func (s *Store) attend(ctx context.Context, what string, do func(context.Context) error) {
	if ctx.Err() != nil {
		return
	}
	err := do(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) {
		s.o.Logger.Warn("cannot take care of the store", "of", what, "err", err)
	}
}

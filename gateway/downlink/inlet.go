package downlink

import (
	"context"
	"fmt"
	"time"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// Inlet takes in what other kiosks said by another way than PubNub. The same are
// believed as there, as far as they sign; the same events are stored and applied
// once, whichever way they come first. It moves no cursor: what it took is read
// from PubNub again, and recognised.
type Inlet struct {
	cfg   InletConfig
	store Store
	judge judge
}

// InletConfig is the inlet's part of the composition.
type InletConfig struct {
	Self  string
	Now   func() time.Time // trusted time; zero while nobody has told it
	Apply func(tx *storage.Tx, b Believed) error
}

// NewInlet makes an inlet.
func NewInlet(cfg InletConfig, store Store, registry Registry) *Inlet {
	return &Inlet{cfg: cfg, store: store, judge: judge{self: cfg.Self, registry: registry}}
}

// Judge decides who is believed. It looks at the message and the registry only.
// There is no timetoken to hold against the end of a key, so that it is held
// against the time now; where nobody has told the time, a key that ends is not
// believed. own is true for what this kiosk said itself. The error is a refusal.
func (i *Inlet) Judge(channel string, env wire.Envelope) (events []Believed, own bool, err error) {
	if !env.Signed {
		return nil, false, errRefused(RefusedUnsigned)
	}
	return i.judge.signed(channel, 0, env, i.within)
}

func (i *Inlet) within(from, until uint64) bool {
	now := i.cfg.Now()
	if now.IsZero() {
		return until == 0
	}
	at := ticks(now)
	return at >= from && (until == 0 || at <= until)
}

// Verify is Judge of a message that is no event: a listed key that still holds
// signed it, for a name of its own in the place of a channel.
func (i *Inlet) Verify(name string, env wire.Envelope) error {
	if !env.Signed {
		return errRefused(RefusedUnsigned)
	}
	_, err := i.judge.signer(name, env, i.within)
	return err
}

// Valid reports whether what a key signed is still believed.
func (i *Inlet) Valid(kioskID, keyID string) bool {
	_, from, until, ok := i.judge.registry.SigningKey(kioskID, keyID)
	return ok && i.within(from, until)
}

// Taken says what became of events.
type Taken struct {
	Fresh      []Believed
	Duplicates int
	Refused    []Refused
}

// Refused is one event that was not taken.
type Refused struct {
	Channel string
	Why     Refusal
}

// Take stores and applies what is new of believed events, in one transaction,
// with what is needed to show it to others.
func (i *Inlet) Take(ctx context.Context, list []Believed) (t Taken, err error) {
	err = i.store.Update(ctx, func(tx *storage.Tx) error {
		t = Taken{} // fn may run again
		for _, b := range list {
			fresh, err := admission{proofs: true, patient: true}.admit(tx, b)
			if why, ok := RefusalOf(err); ok {
				t.Refused = append(t.Refused, Refused{b.Channel, why})
				continue
			}
			if err != nil {
				return err
			}
			if !fresh {
				t.Duplicates++
				continue
			}
			if err := i.cfg.Apply(tx, b); err != nil {
				return fmt.Errorf("cannot apply %s: %w", b.Definition.Name, err)
			}
			t.Fresh = append(t.Fresh, b)
		}
		return nil
	})
	if err != nil {
		return Taken{}, fmt.Errorf("cannot store what the site said: %w", err)
	}
	return t, nil
}

// Held is what is here of one stream of one life of another kiosk.
type Held struct {
	Kiosk   string
	Inc     uint32
	Channel string
	Seq     uint64      // everything up to here is here, or will not be taken any more
	Ahead   [][2]uint64 // ranges above it, both ends included, ascending
}

// Held tells what is here of others' streams: for each of the kiosks and channels
// its last lives, or Inc 0 where there is nothing.
func (i *Inlet) Held(ctx context.Context, kiosks, channels []string) (list []Held, err error) {
	err = i.store.View(ctx, func(r *storage.Reader) error {
		list = nil
		for _, k := range kiosks {
			for _, c := range channels {
				incs, err := lives(r, k, c)
				if err != nil {
					return err
				}
				if len(incs) == 0 {
					list = append(list, Held{Kiosk: k, Channel: c})
				}
				for _, inc := range incs {
					p, err := loadProgress(r, peerKey(k, inc, c))
					if err != nil {
						return err
					}
					list = append(list, Held{Kiosk: k, Inc: inc, Channel: c, Seq: p.contiguous, Ahead: ranges(p.ahead)})
				}
			}
		}
		return nil
	})
	return list, err
}

func ranges(seqs []uint64) (list [][2]uint64) {
	for _, seq := range seqs {
		if n := len(list); n > 0 && list[n-1][1]+1 == seq {
			list[n-1][1] = seq
		} else {
			list = append(list, [2]uint64{seq, seq})
		}
	}
	return list
}

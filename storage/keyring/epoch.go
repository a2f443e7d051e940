package keyring

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"clinicgate/storage/seal"
)

// State is where a data key stands in its life.
type State string

// The states, in order.
const (
	Pending     State = "pending"      // durable in both copies, not yet used
	Active      State = "active"       // seals new records
	DecryptOnly State = "decrypt-only" // opens old ones
	Destroyed   State = "destroyed"    // gone; records under it are erased
)

// Epoch is one data key of a class, without the key.
type Epoch struct {
	Class     string     `json:"class"`
	Epoch     uint32     `json:"epoch"` // counts from 1
	ID        seal.KeyID `json:"id"`
	State     State      `json:"state"`
	Created   time.Time  `json:"created"`
	Destroyed time.Time  `json:"destroyed,omitzero"`
	Uses      int64      `json:"uses"` // records sealed, as far as known
}

// AEAD returns the cipher of a key, nil if it is not held. It makes the ring a
// seal.Keys.
func (r *Ring) AEAD(id seal.KeyID) *seal.AEAD {
	s := r.current.Load()
	if s == nil {
		return nil
	}
	return s.byID[id]
}

// Active returns the cipher that seals new records of a class. Ask for it once
// per transaction and do not keep it: a rotation changes it. ErrNoKey: the class
// has no key (see Ensure). ErrExhausted: rotate first.
func (r *Ring) Active(class string) (*seal.AEAD, error) {
	s := r.current.Load()
	if s == nil {
		return nil, ErrClosed
	}
	a := s.active[class]
	if a == nil {
		return nil, fmt.Errorf("class %q: %w", class, ErrNoKey)
	}
	if a.Uses() >= seal.HardMaxUses {
		return nil, hint(fmt.Errorf("class %q: %w", class, ErrExhausted), "clinicgate keys rotate "+class)
	}
	return a, nil
}

// Due reports whether the key of a class should be rotated: because it sealed
// seal.MaxUses records, or is older than maxAge (0: any age is fine).
func (r *Ring) Due(class string, maxAge time.Duration) bool {
	s := r.current.Load()
	if s == nil {
		return false
	}
	i := s.body.inState(class, Active)
	if i < 0 {
		return false
	}
	k := s.body.Keys[i]
	return s.byID[k.ID].Uses() >= seal.MaxUses || maxAge > 0 && r.now().Sub(k.Created) >= maxAge
}

// Ensure makes keys for the classes that have none.
func (r *Ring) Ensure(classes ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []string
	for _, class := range classes {
		if err := checkName("class", class); err != nil {
			return err
		}
		s := r.current.Load()
		if s == nil {
			return ErrClosed
		}
		if s.active[class] == nil && !slices.Contains(missing, class) {
			missing = append(missing, class)
		}
	}
	return r.rotateLocked(missing)
}

// Rotate begins a new epoch of a class and returns it; the one before opens old
// records from now on. It is safe under load: whoever holds the old cipher may
// finish with it.
func (r *Ring) Rotate(class string) (Epoch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Load()
	if s == nil {
		return Epoch{}, ErrClosed
	}
	if s.active[class] == nil {
		return Epoch{}, fmt.Errorf("class %q: %w", class, ErrNoKey)
	}
	if err := r.rotateLocked([]string{class}); err != nil {
		return Epoch{}, err
	}
	s = r.current.Load()
	return s.epoch(s.body.Keys[s.body.inState(class, Active)]), nil
}

// rotateLocked takes two durable steps. After the first, both copies hold the
// new keys as pending; only the second makes them seal. So a key that seals is
// in both copies, also where a crash let only one copy of the second step
// through and the other can no longer be written.
func (r *Ring) rotateLocked(classes []string) error {
	if len(classes) == 0 {
		return nil
	}
	err := r.changeLocked(func(_ *material, b *body) error {
		for _, class := range classes {
			if b.inState(class, Pending) < 0 { // else: left by an earlier attempt
				b.addKey(class, Pending, r.now())
			}
		}
		return nil
	})
	if err == nil {
		err = r.changeLocked(func(_ *material, b *body) error {
			for _, class := range classes {
				b.activate(class)
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("cannot rotate keys: %w", err)
	}
	return nil
}

// Destroy erases the keys of epochs that no longer seal, and with them every
// record under them, in one change that also rotates the KEK.
//
// What may be claimed: without these keys the records cannot be read. An old
// copy of the keyring that a flash chip or a backup still holds opens only for
// whoever also has the root key; to close that too, change the source.
//
// ErrInUse: the epoch seals; rotate first. ErrNoKey: no such epoch.
func (r *Ring) Destroy(class string, epochs ...uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.current.Load()
	if s == nil {
		return ErrClosed
	}
	var doomed []dataKey
	for _, e := range epochs {
		i := s.body.find(class, func(k dataKey) bool { return k.Epoch == e })
		switch {
		case i < 0:
			return fmt.Errorf("class %q epoch %d: %w", class, e, ErrNoKey)
		case s.body.Keys[i].State == Active:
			return hint(fmt.Errorf("class %q epoch %d: %w", class, e, ErrInUse), "clinicgate keys rotate "+class)
		}
		doomed = append(doomed, s.body.Keys[i])
	}
	// Epochs that are destroyed already are written again: after a failure one
	// copy may still hold them.
	err := r.changeLocked(func(m *material, b *body) error {
		for _, d := range doomed {
			i := b.find(class, func(k dataKey) bool { return k.Epoch == d.Epoch })
			if i >= 0 && b.Keys[i].State != Destroyed {
				b.destroy(i, r.now())
			}
		}
		return m.newKEK()
	})
	if err != nil {
		return fmt.Errorf("cannot destroy keys: %w", err)
	}
	for _, d := range doomed {
		clear(d.Key)
	}
	return nil
}

// Epochs lists all data keys, by class and epoch.
func (r *Ring) Epochs() []Epoch {
	s := r.current.Load()
	if s == nil {
		return nil
	}
	out := make([]Epoch, 0, len(s.body.Keys))
	for _, k := range s.body.Keys {
		out = append(out, s.epoch(k))
	}
	slices.SortFunc(out, func(a, b Epoch) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Epoch, b.Epoch))
	})
	return out
}

// Epoch tells what is known of a key id, also of a destroyed one: it is how the
// owner of a record that does not open can tell erasure from loss.
func (r *Ring) Epoch(id seal.KeyID) (Epoch, bool) {
	s := r.current.Load()
	if s == nil {
		return Epoch{}, false
	}
	for _, k := range s.body.Keys {
		if k.ID == id {
			return s.epoch(k), true
		}
	}
	return Epoch{}, false
}

// usesToSave is how many uses of a key may be forgotten by a restart. A kiosk
// that restarts every minute for a month forgets fewer than the margin between
// seal.MaxUses and seal.HardMaxUses.
const usesToSave = 1 << 16

// SaveUses makes the counts of sealed records durable, if a key sealed enough
// of them since they last were; any other change of the keyring saves them too.
// Call it now and then.
func (r *Ring) SaveUses() error {
	s := r.current.Load()
	if s == nil {
		return ErrClosed
	}
	for _, k := range s.body.Keys {
		if a := s.byID[k.ID]; a != nil && a.Uses()-k.Uses >= usesToSave {
			return r.Repair()
		}
	}
	return nil
}

func (s *snapshot) epoch(k dataKey) Epoch {
	e := Epoch{Class: k.Class, Epoch: k.Epoch, ID: k.ID, State: k.State, Created: k.Created, Destroyed: k.Destroyed, Uses: k.Uses}
	if a := s.byID[k.ID]; a != nil {
		e.Uses = a.Uses()
	}
	return e
}

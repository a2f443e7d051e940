package keyring

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"clinicgate/storage/seal"
)

// body is what the KEK encrypts. A body that was published in a snapshot is
// never changed; changes are made on a clone.
type body struct {
	Keys    []dataKey `json:"keys"`
	Secrets []stored  `json:"secrets"`
}

type dataKey struct {
	Class     string     `json:"class"`
	Epoch     uint32     `json:"epoch"`
	ID        seal.KeyID `json:"id"`
	Key       []byte     `json:"key,omitempty"` // gone once destroyed
	State     State      `json:"state"`
	Created   time.Time  `json:"created"`
	Destroyed time.Time  `json:"destroyed,omitzero"`
	Uses      int64      `json:"uses"`
}

type stored struct {
	Kind    Kind      `json:"kind"`
	ID      string    `json:"id"`
	Owner   string    `json:"owner,omitempty"`
	Value   []byte    `json:"value"`
	From    Timetoken `json:"from,omitempty"`
	Until   Timetoken `json:"until,omitempty"`
	Created time.Time `json:"created"`
}

// maxTombstones bounds how many destroyed keys are remembered, oldest out. The
// memory of a destroyed key only serves to say that a record was erased on
// purpose.
const maxTombstones = 512

func (b body) clone() body {
	return body{Keys: slices.Clone(b.Keys), Secrets: slices.Clone(b.Secrets)}
}

func (b body) find(class string, match func(dataKey) bool) int {
	return slices.IndexFunc(b.Keys, func(k dataKey) bool { return k.Class == class && match(k) })
}

func (b body) inState(class string, s State) int {
	return b.find(class, func(k dataKey) bool { return k.State == s })
}

// addKey makes the key of the next epoch of a class. Epochs count from 1 and
// are never used again, whatever happened to their keys.
func (b *body) addKey(class string, s State, now time.Time) {
	epoch := uint32(1)
	for _, k := range b.Keys {
		if k.Class == class {
			epoch = max(epoch, k.Epoch+1)
		}
	}
	k := seal.NewKey()
	b.Keys = append(b.Keys, dataKey{
		Class: class, Epoch: epoch, ID: k.ID(), Key: k.Reveal(), State: s, Created: now.UTC().Truncate(time.Second),
	})
}

// activate makes the pending key of a class the sealing one.
func (b *body) activate(class string) {
	if i := b.inState(class, Active); i >= 0 {
		b.Keys[i].State = DecryptOnly
	}
	b.Keys[b.inState(class, Pending)].State = Active
}

// destroy forgets a key and bounds the list of those forgotten. The newest epoch
// of each class stays known, so that epochs go on counting.
func (b *body) destroy(i int, now time.Time) {
	k := &b.Keys[i]
	k.Key, k.State, k.Destroyed = nil, Destroyed, now.UTC().Truncate(time.Second)
	tombstones := 0
	for _, k := range b.Keys {
		if k.State == Destroyed {
			tombstones++
		}
	}
	b.Keys = slices.DeleteFunc(b.Keys, func(k dataKey) bool {
		if tombstones <= maxTombstones || k.State != Destroyed ||
			b.find(k.Class, func(o dataKey) bool { return o.Epoch > k.Epoch }) < 0 {
			return false
		}
		tombstones--
		return true
	})
}

var errBody = errors.New("keyring content is inconsistent")

func (b body) validate() error {
	type name struct {
		class string
		epoch uint32
	}
	seen := map[name]bool{}
	sealing := map[string]bool{}
	for _, k := range b.Keys {
		n := name{k.Class, k.Epoch}
		if seen[n] || k.Epoch == 0 || checkName("class", k.Class) != nil {
			return errBody
		}
		seen[n] = true
		switch k.State {
		case Active:
			if sealing[k.Class] {
				return errBody
			}
			sealing[k.Class] = true
		case Pending, DecryptOnly:
		case Destroyed:
			if len(k.Key) != 0 {
				return errBody
			}
			continue
		default:
			return errBody
		}
		key, err := seal.KeyFrom(k.Key)
		if err != nil || key.ID() != k.ID {
			return errBody
		}
	}
	for _, s := range b.Secrets {
		if err := s.validate(); err != nil {
			return errBody
		}
	}
	return nil
}

// maxName bounds classes, ids and owners.
const maxName = 64

// checkName keeps names to what is safe in a log, a file name and a command
// line.
func checkName(what, name string) error {
	ok := name != "" && len(name) <= maxName
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return fmt.Errorf("%s %.70q: want 1 to %d letters, digits, - _ .", what, name, maxName)
	}
	return nil
}

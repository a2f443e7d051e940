package control

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"clinicgate/storage/keyring"
)

// RingKeys is a [Keys] over an open keyring: the running service's, or one that
// a subcommand opened while no service runs.
type RingKeys struct {
	Ring *keyring.Ring
	// Now is trusted time as well as it is known; a new signing key holds from
	// then on.
	Now func() time.Time
	// Change does what it is given, so that it comes on record: what tells it
	// without a key. Its error is the act's. May be nil.
	Change func(ctx context.Context, by Caller, what string, do func() error) error
}

// List implements Keys.
func (k RingKeys) List(context.Context, Caller) (KeyList, error) { return k.list(), nil }

func (k RingKeys) list() KeyList {
	source, strength := k.Ring.Source()
	public, recovery := k.Ring.Recovery()
	l := KeyList{Source: source, Strength: string(strength), Recovery: recovery, Sound: k.Ring.Sound(), Secrets: []KeyInfo{}, Epochs: []KeyEpoch{}}
	if recovery {
		l.RecoveryPublic = public.String()
	}
	for _, s := range k.Ring.List() {
		if s.Kind == keyring.Local {
			continue // nobody can do anything with it
		}
		l.Secrets = append(l.Secrets, KeyInfo{Kind: string(s.Kind), ID: s.ID, Owner: s.Owner, From: timeOf(s.From), Until: timeOf(s.Until), Created: s.Created})
	}
	for _, e := range k.Ring.Epochs() {
		l.Epochs = append(l.Epochs, KeyEpoch{Class: e.Class, Epoch: e.Epoch, State: string(e.State), Created: e.Created, Uses: e.Uses})
	}
	if own := k.Ring.OwnPublicKeys(); len(own) > 0 { // none once the ring is closed
		l.Public = own[0]
	}
	return l
}

func timeOf(t keyring.Timetoken) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return t.Time()
}

func (k RingKeys) change(ctx context.Context, by Caller, what string, do func() error) (KeyList, error) {
	change := k.Change
	if change == nil {
		change = func(_ context.Context, _ Caller, _ string, do func() error) error { return do() }
	}
	if err := change(ctx, by, what, do); err != nil {
		return KeyList{}, err
	}
	return k.list(), nil
}

// Import implements Keys.
func (k RingKeys) Import(ctx context.Context, by Caller, in KeyImport) (KeyList, error) {
	defer clear(in.Secrets)
	secrets, err := keyring.ParseSecrets(bytes.NewReader(in.Secrets))
	if err != nil {
		return KeyList{}, err
	}
	return k.change(ctx, by, "imported", func() error { return k.Ring.Import(secrets...) })
}

// Rotate implements Keys.
func (k RingKeys) Rotate(ctx context.Context, by Caller, in KeyRotate) (KeyList, error) {
	var half error // of a rotation of some: what was done must come on record
	list, err := k.change(ctx, by, "rotated "+in.Class, func() error {
		classes := []string{in.Class}
		switch in.Class {
		case "signing":
			_, err := k.Ring.RotateSigning(keyring.TimetokenOf(k.Now()))
			return err
		case "all":
			classes = nil
			for _, e := range k.Ring.Epochs() {
				if e.State == keyring.Active {
					classes = append(classes, e.Class)
				}
			}
		}
		for i, class := range classes {
			if _, err := k.Ring.Rotate(class); err != nil {
				if i == 0 {
					return err
				}
				half = fmt.Errorf("%d of %d classes were rotated: %w", i, len(classes), err)
				return nil
			}
		}
		return nil
	})
	if half != nil && err == nil {
		return KeyList{}, half
	}
	return list, err
}

// Erase implements Keys.
func (k RingKeys) Erase(ctx context.Context, by Caller, in KeyErase) (KeyList, error) {
	switch {
	case in.Kind != "" && in.ID != "" && in.Class == "" && in.Epoch == 0:
		return k.change(ctx, by, "erased "+in.Kind, func() error { return k.Ring.Erase(keyring.Kind(in.Kind), in.ID) })
	case in.Class != "" && in.Epoch != 0 && in.Kind == "" && in.ID == "":
		return k.change(ctx, by, fmt.Sprintf("erased %s epoch %d", in.Class, in.Epoch), func() error { return k.Ring.Destroy(in.Class, in.Epoch) })
	}
	return KeyList{}, &Error{Code: Invalid, Message: "name a secret by kind and id, or a data key by class and epoch"}
}

// SetRecovery implements Keys.
func (k RingKeys) SetRecovery(ctx context.Context, by Caller, in KeyRecovery) (KeyList, error) {
	pub, err := keyring.ParseRecoveryPublic(in.Public)
	if err != nil {
		return KeyList{}, &Error{Code: Invalid, Message: err.Error(), Next: "`clinicgate keys recovery init` prints the public half"}
	}
	return k.change(ctx, by, "set recovery key", func() error { return k.Ring.SetRecovery(&pub) })
}

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
	// Changed is told of each change after it is durable: what was done, without
	// a key. Its error is the act's. May be nil.
	Changed func(ctx context.Context, by Caller, what string) error
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

func (k RingKeys) changed(ctx context.Context, by Caller, what string) (KeyList, error) {
	if k.Changed != nil {
		if err := k.Changed(ctx, by, what); err != nil {
			return KeyList{}, fmt.Errorf("the keys were changed, and what follows from it failed: %w", err)
		}
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
	if err := k.Ring.Import(secrets...); err != nil {
		return KeyList{}, err
	}
	return k.changed(ctx, by, "imported")
}

// Rotate implements Keys.
func (k RingKeys) Rotate(ctx context.Context, by Caller, in KeyRotate) (KeyList, error) {
	var classes []string
	switch in.Class {
	case "signing":
		if _, err := k.Ring.RotateSigning(keyring.TimetokenOf(k.Now())); err != nil {
			return KeyList{}, err
		}
	case "all":
		for _, e := range k.Ring.Epochs() {
			if e.State == keyring.Active {
				classes = append(classes, e.Class)
			}
		}
	default:
		classes = []string{in.Class}
	}
	for _, class := range classes {
		if _, err := k.Ring.Rotate(class); err != nil {
			return KeyList{}, err
		}
	}
	return k.changed(ctx, by, "rotated "+in.Class)
}

// Erase implements Keys.
func (k RingKeys) Erase(ctx context.Context, by Caller, in KeyErase) (KeyList, error) {
	var err error
	what := ""
	switch {
	case in.Kind != "" && in.ID != "" && in.Class == "" && in.Epoch == 0:
		what = "erased " + in.Kind
		err = k.Ring.Erase(keyring.Kind(in.Kind), in.ID)
	case in.Class != "" && in.Epoch != 0 && in.Kind == "" && in.ID == "":
		what = fmt.Sprintf("erased %s epoch %d", in.Class, in.Epoch)
		err = k.Ring.Destroy(in.Class, in.Epoch)
	default:
		err = &Error{Code: Invalid, Message: "name a secret by kind and id, or a data key by class and epoch"}
	}
	if err != nil {
		return KeyList{}, err
	}
	return k.changed(ctx, by, what)
}

// SetRecovery implements Keys.
func (k RingKeys) SetRecovery(ctx context.Context, by Caller, in KeyRecovery) (KeyList, error) {
	pub, err := keyring.ParseRecoveryPublic(in.Public)
	if err != nil {
		return KeyList{}, &Error{Code: Invalid, Message: err.Error(), Next: "`clinicgate keys recovery init` prints the public half"}
	}
	if err := k.Ring.SetRecovery(&pub); err != nil {
		return KeyList{}, err
	}
	return k.changed(ctx, by, "set recovery key")
}

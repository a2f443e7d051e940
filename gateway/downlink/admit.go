package downlink

import (
	"errors"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// admission is how believed events get into the store, whichever way they came.
type admission struct {
	proofs bool // keep what is needed to show the events to others
	// patient refuses what lies too far beyond what is here. What came from PubNub
	// is never refused for that: there, what is missing by then will not come.
	patient bool
}

// admit stores b when it is new. It reports false for a repeat.
func (a admission) admit(tx *storage.Tx, b Believed) (fresh bool, err error) {
	e := storage.Event{ID: b.ID, Channel: b.Channel, Kind: b.Definition.Name, Body: b.Body, Origin: &b.Origin}
	_, known := tx.Lookup(b.ID)
	if !known && b.Publisher == "" {
		if err := a.see(tx, b); err != nil {
			return false, err
		}
	}
	_, err = tx.Append(e)
	switch {
	case errors.Is(err, storage.ErrConflict):
		return false, errRefused(RefusedConflict)
	case errors.Is(err, storage.ErrTooLarge):
		return false, errRefused(RefusedSize)
	case err != nil || known:
		return false, err
	}
	if a.proofs && b.Proof != nil {
		if err := putProof(tx, b); err != nil {
			return false, err
		}
	}
	if b.Definition.Name == "device/GAP" && b.Publisher == "" {
		return true, skip(tx, b)
	}
	return true, nil
}

// see notes that an event of another kiosk has come, and refuses what came
// before.
func (a admission) see(tx *storage.Tx, b Believed) error {
	key := peerKey(b.Origin.Kiosk, b.Origin.Inc, b.Channel)
	p, err := loadProgress(tx, key)
	if err != nil {
		return err
	}
	if a.patient && p.full(b.Origin.Seq) {
		return errRefused(RefusedAhead)
	}
	if p.fresh {
		if err := noteLife(tx, b.Origin.Kiosk, b.Channel, b.Origin.Inc); err != nil {
			return err
		}
	}
	if !p.see(b.Origin.Seq) {
		return errRefused(RefusedReplay)
	}
	return tx.Put(peerView, key, p.marshal())
}

// skip takes a kiosk's word for what of its own streams will never come.
func skip(tx *storage.Tx, b Believed) error {
	m, err := kiosk.Decode(b.Definition, b.Body)
	gap, ok := m.(*kiosk.Gap)
	if err != nil || !ok || gap.First == 0 || gap.Last < gap.First || gap.Last >= 1<<53 {
		return nil // it is stored, and says nothing
	}
	if _, ok := kiosk.ParseChannel(gap.Channel); !ok {
		return nil
	}
	key := peerKey(b.Origin.Kiosk, gap.Inc, gap.Channel)
	p, err := loadProgress(tx, key)
	if err != nil {
		return err
	}
	if p.fresh {
		if err := noteLife(tx, b.Origin.Kiosk, gap.Channel, gap.Inc); err != nil {
			return err
		}
	}
	p.skip(gap.First, gap.Last)
	return tx.Put(peerView, key, p.marshal())
}

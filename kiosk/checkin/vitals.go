package checkin

import (
	"context"
	"fmt"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Vitals is one measurement of the patient whose visit a session holds.
type Vitals struct {
	ID       uuid.UUID // of the reading: a repeat has the same one
	Session  string
	Entry    kiosk.EntryID
	Device   string
	Panel    []string // codes of the panel that Parts are of; empty: there is one part
	Parts    []kiosk.Measured
	Measured kiosk.Timestamp // when, by the device's clock
}

// act of a reading: a device's, in a patient's session.
func (v Vitals) act() kiosk.Act {
	return kiosk.Act{ID: v.ID, Actor: kiosk.Actor{Kind: kiosk.ActorDevice, ID: v.Device}, Session: v.Session}
}

// Measured records a measurement with the patient of a session. A session that does
// not hold the visit, or has finished it, gives ErrSession and records nothing. It
// reports whether the same reading was recorded before.
func (s *Service) Measured(ctx context.Context, v Vitals) (repeated bool, err error) {
	act := v.act()
	err = s.queue.Update(ctx, func(tx *storage.Tx) error {
		id := act.EventID(vitalsKind, v.Device) // whoever's it is: a reading is one person's
		if _, repeated = tx.Lookup(id); repeated {
			return nil
		}
		if h, ok := s.held(v.Session, v.Entry); !ok || h.done {
			return ErrSession
		}
		state, err := s.queue.Get(tx, v.Entry)
		if err != nil {
			return err
		}
		observation, err := kiosk.NewObservation(id, v.Panel, v.Parts, state.Entry.Patient, v.Entry, s.cfg.Kiosk, v.Device, v.Measured)
		if err != nil {
			return err
		}
		_, err = s.journal.Record(tx, act, kiosk.What{ID: id, Kind: vitalsKind, Channel: kiosk.DeviceChannel(s.cfg.Kiosk),
			Body:  kiosk.Vitals{Type: "VITALS", Observation: observation, Timestamp: kiosk.At(now(tx))},
			Facts: kiosk.AuditFacts{Action: "measure", Resource: v.Entry.String()}})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("cannot record a measurement: %w", err)
	}
	return repeated, nil
}

const vitalsKind = "device/VITALS"

// NotMeasured records that a session's reading cannot be, and why, which is a fixed
// word. The value is not kept.
func (s *Service) NotMeasured(ctx context.Context, v Vitals, why string) error {
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		return s.journal.Audit(tx, v.act(), kiosk.VitalsRefused, kiosk.AuditFacts{Action: why, Outcome: kiosk.OutcomeRefused, Resource: v.Entry.String()})
	})
	if err != nil {
		return fmt.Errorf("cannot record that a measurement was refused: %w", err)
	}
	return nil
}

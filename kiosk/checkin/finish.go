package checkin

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// FinishInput is what the last button sends.
type FinishInput struct {
	Session   string
	Entry     kiosk.EntryID
	NotRight  bool // the patient says that something of the visit is not right
	Decisions []consent.Decision
	Devices   Devices   // of a visit by video
	Unsigned  bool      // nobody who may sign is here: no decisions, the desk helps
	Request   uuid.UUID // the same for a repeated request
}

// Devices is what a patient found who tried camera and microphone.
type Devices string

const (
	DevicesUntried Devices = ""
	DevicesReady   Devices = "ready"
	DevicesFail    Devices = "fail" // staff are called
)

// Done is what the last screen says.
type Done struct {
	Place
	CheckedIn bool // the patient waits now; false: staff are called, please stay
	StaffFlag bool // a person will come to the patient about something
}

// Finish records the decisions and puts the patient into the waiting room: one
// commit. Repeated, also after a crash, it gives the same number.
func (s *Service) Finish(ctx context.Context, in FinishInput) (Done, error) {
	if err := checkInput(in.Session, "", in.Request); err != nil {
		return Done{}, err
	}
	if len(in.Decisions) > maxDecisions || in.Devices != DevicesUntried && in.Devices != DevicesReady && in.Devices != DevicesFail {
		return Done{}, ErrInput
	}
	act := patientAct(in.Session, in.Request)
	h, holds := s.held(in.Session, in.Entry)
	var called *Help
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		called = nil
		state, err := s.queue.Get(tx, in.Entry)
		if errors.Is(err, queue.ErrNotFound) {
			return ErrSession
		}
		if err != nil {
			return err
		}
		if committed(tx, act, in.Entry) {
			return nil
		}
		if !holds {
			return ErrSession
		}
		c, err := s.decide(tx, act, state.Entry, h.language, in)
		if err != nil || state.Entry.Status != kiosk.CheckedIn {
			return err // checked in meanwhile, at another kiosk
		}
		if in.NotRight {
			if _, err := s.queue.Flag(tx, act, in.Entry, kiosk.FlagDetails); err != nil {
				return err
			}
		}
		if state.Entry.Metadata.Mode == kiosk.Video {
			if err := s.tried(tx, act, in); err != nil {
				return err
			}
			if in.Devices == DevicesFail || !c.Telehealth.InEffect(now(tx)) {
				called, err = s.callStaff(tx, act, state.Entry)
				return err
			}
		}
		e, err := s.queue.SetStatus(tx, act, in.Entry, kiosk.Waiting)
		if err != nil {
			return err
		}
		return s.tellProvider(tx, act, e)
	})
	if err != nil {
		return Done{}, fmt.Errorf("cannot finish check-in: %w", err)
	}
	if called != nil {
		s.help.show(*called)
	}
	s.finished(in.Session)
	e, _ := s.queue.Entry(in.Entry)
	d := Done{Place: s.place(in.Entry, cmp.Or(h.language, e.Metadata.Language)), CheckedIn: e.Status != kiosk.CheckedIn}
	d.StaffFlag = !d.CheckedIn || e.HasFlag(kiosk.FlagConsentDeclined) || e.HasFlag(kiosk.FlagConsentDesk) ||
		e.HasFlag(kiosk.FlagConsentSigner) || e.HasFlag(kiosk.FlagConsentMissing) || e.HasFlag(kiosk.FlagDetails)
	return d, nil
}

const maxDecisions = 20

// tried notes what came of trying the devices.
func (s *Service) tried(tx *storage.Tx, act kiosk.Act, in FinishInput) (err error) {
	switch in.Devices {
	case DevicesReady:
		_, err = s.queue.Ready(tx, act, in.Entry)
	case DevicesFail:
		_, err = s.queue.Flag(tx, act, in.Entry, kiosk.FlagDevices)
	}
	return err
}

// committed reports whether this very act was committed before.
func committed(tx *storage.Tx, act kiosk.Act, id kiosk.EntryID) bool {
	for _, kind := range []string{"queue/STATUS_UPDATED", "audit/" + string(kiosk.StaffCalled)} {
		if _, ok := tx.Lookup(act.EventID(kind, id.String())); ok {
			return true
		}
	}
	return false
}

// tellProvider announces an arrival to the provider: PATIENT_CHECKED_IN in the
// waiting room and PATIENT_READY among the notifications. A visit without a
// provider is seen by the department's queue alone.
func (s *Service) tellProvider(tx *storage.Tx, act kiosk.Act, e kiosk.Entry) error {
	if e.Provider == "" {
		return nil
	}
	at := kiosk.At(now(tx))
	_, err := s.journal.Record(tx, act, kiosk.What{
		Kind: "waiting-room/PATIENT_CHECKED_IN", Channel: kiosk.WaitingRoomChannel(e.Provider),
		Body: kiosk.PatientCheckedIn{Action: "PATIENT_CHECKED_IN", AppointmentID: e.Appointment, PatientID: e.Patient,
			ConsultationID: kiosk.ConsultationChannel(e.Provider, e.Patient), Timestamp: at},
		Facts: kiosk.AuditFacts{Action: "PATIENT_CHECKED_IN", Resource: e.ID.String()},
	})
	if err != nil {
		return err
	}
	id := act.EventID("notification/PATIENT_READY", e.ID.String())
	_, err = s.journal.Record(tx, act, kiosk.What{
		Kind: "notification/PATIENT_READY", ID: id, Channel: kiosk.ProviderNotificationChannel(e.Provider),
		Body: kiosk.Notification{ID: id, Type: "PATIENT_READY", Title: "Patient ready", Body: "A patient is in the waiting room.",
			Priority: "normal", Timestamp: at,
			Metadata: kiosk.NotificationMetadata{AppointmentID: e.Appointment, SenderID: string(s.cfg.Kiosk)}},
		Facts: kiosk.AuditFacts{Action: "notify PATIENT_READY", Resource: id.String()},
	})
	return err
}

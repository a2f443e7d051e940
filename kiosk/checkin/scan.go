package checkin

import (
	"context"
	"regexp"

	"clinicgate/kiosk/roster"

	"github.com/google/uuid"
)

// ScanInput is what the page sends of a scan that leads to nobody.
type ScanInput struct {
	Session  string
	Kind     string  // what it was, as devices name it: "payment-card"; empty where not even that is known
	Outcome  Outcome // Unreadable, OtherCard or NotFound
	Language string
	Request  uuid.UUID // the same for a repeated request
}

// kindForm is that of the devices' fixed words, so that nothing that was read can
// be among them.
var kindForm = regexp.MustCompile(`^[a-z]+[0-9]?(-[a-z]+){0,4}$`)

const maxKind = 40

// RefuseScan records that something was scanned that leads to nobody, and of what
// kind it was: a payment card, a damaged licence. Nobody comes any closer to
// anything by it, so it is no attempt.
func (s *Service) RefuseScan(ctx context.Context, in ScanInput) (Identified, error) {
	if err := checkInput(in.Session, in.Language, in.Request); err != nil {
		return Identified{}, err
	}
	method := roster.Scanned
	switch {
	case in.Outcome != Unreadable && in.Outcome != OtherCard && in.Outcome != NotFound:
		return Identified{}, ErrInput
	case in.Kind != "":
		if len(in.Kind) > maxKind || !kindForm.MatchString(in.Kind) {
			return Identified{}, ErrInput
		}
		method = roster.Method(in.Kind)
	}
	return s.refuse(ctx, patientAct(in.Session, in.Request), method, in.Outcome, Visit{})
}

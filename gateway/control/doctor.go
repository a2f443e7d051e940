package control

import (
	"context"
	"time"

	"clinicgate/gateway/doctor"
)

// DoctorLook asks for the checks.
type DoctorLook struct {
	Only    []string `json:"only,omitempty"` // ids; none: all
	Skip    []string `json:"skip,omitempty"`
	Offline bool     `json:"offline,omitempty"` // nobody on the network is asked
}

// DoctorFound is what the checks found.
type DoctorFound struct {
	Version string          `json:"version"` // of the service
	Now     time.Time       `json:"now"`
	Checks  []doctor.Report `json:"checks"`
	Code    string          `json:"supportCode"`
}

// DoctorFix asks for the repair of what a check found.
type DoctorFix struct {
	ID string `json:"id"` // of the check
}

// DoctorFixed is what was done for it.
type DoctorFixed struct {
	ID  string   `json:"id"`
	Did []string `json:"did"`
}

// Doctor looks what is wrong.
type Doctor interface {
	// Look tells each report as it is there.
	Look(context.Context, Caller, DoctorLook, func(doctor.Report)) (DoctorFound, error)
	// Fix repairs without harm to anything, and is on record when it returns.
	Fix(context.Context, Caller, DoctorFix) (DoctorFixed, error)
	// Validate judges the technical safeguards, and changes nothing.
	Validate(context.Context, Caller, None, func(Progress)) (Validation, error)
}

// looks is the endpoint whose stream has a line for each report. The first line
// comes at once: a caller who gets none knows that the service hangs.
func looks(name string, roles Roles, f func(context.Context, Caller, DoctorLook, func(doctor.Report)) (DoctorFound, error)) endpoint {
	return lines(name, roles, func(ctx context.Context, by Caller, in DoctorLook, w *lineWriter) (DoctorFound, error) {
		w.write(line{Progress: &Progress{Unit: "checks"}})
		return f(ctx, by, in, func(r doctor.Report) { w.write(line{Check: &r}) })
	})
}

// hangAfter is how long a service that lives needs at most to say that it begins.
const hangAfter = 5 * time.Second

// DoctorLook runs the service's checks. The error wraps ErrUnreachable when the
// service does not begin to answer.
func (c *Client) DoctorLook(ctx context.Context, in DoctorLook, each func(doctor.Report)) (DoctorFound, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(hangAfter, func() { cancel(errHangs) })
	out, err := followLines[DoctorFound](ctx, c, "doctor/look", in, func(l line) {
		timer.Stop()
		if l.Check != nil && each != nil {
			each(*l.Check)
		}
	})
	if err != nil && context.Cause(ctx) == errHangs {
		return out, &unreachable{err: errHangs, hint: "`clinicgate service restart`; before that, `clinicgate bundle` keeps what it did"}
	}
	return out, err
}

// DoctorFix repairs what a check found.
func (c *Client) DoctorFix(ctx context.Context, in DoctorFix) (DoctorFixed, error) {
	return call[DoctorFixed](ctx, c, "doctor/fix", in)
}

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

// looks is the endpoint whose stream has a line for each report.
func looks(name string, roles Roles, f func(context.Context, Caller, DoctorLook, func(doctor.Report)) (DoctorFound, error)) endpoint {
	return begun(name, roles, "checks", func(ctx context.Context, by Caller, in DoctorLook, w *lineWriter) (DoctorFound, error) {
		return f(ctx, by, in, func(r doctor.Report) { w.write(line{Check: &r}) })
	})
}

// DoctorLook runs the service's checks. The error wraps ErrHangs when the service does
// not begin to answer.
func (c *Client) DoctorLook(ctx context.Context, in DoctorLook, each func(doctor.Report)) (DoctorFound, error) {
	return followBegun[DoctorFound](ctx, c, "doctor/look", in, func(l line) {
		if l.Check != nil && each != nil {
			each(*l.Check)
		}
	})
}

// DoctorFix repairs what a check found.
func (c *Client) DoctorFix(ctx context.Context, in DoctorFix) (DoctorFixed, error) {
	return call[DoctorFixed](ctx, c, "doctor/fix", in)
}

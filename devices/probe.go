package devices

import "errors"

// Outcome is the result of looking for a device.
type Outcome string

const (
	Ready   Outcome = "ready"
	Skipped Outcome = "skipped" // not wanted or not possible here; nothing is wrong
	Failed  Outcome = "failed"
)

// Probe is the outcome of looking for a device, with the reason and, when it
// failed, what a person can do. None of it is about a patient.
type Probe struct {
	Outcome Outcome
	Reason  string
	Hint    string
	Where   string // the port or address in use, such as /dev/ttyACM0
}

// ProbeOf turns the error of an attempt to open a device into a Probe.
func ProbeOf(where string, err error) Probe {
	if err == nil {
		return Probe{Outcome: Ready, Reason: "answers", Where: where}
	}
	f := FaultOf(err)
	return Probe{Outcome: Failed, Reason: f.Reason, Hint: f.Hint, Where: where}
}

// Fault is an error about a device that a technician reads.
type Fault struct {
	Reason string // a fixed clause: "no such device", "port is in use"
	Hint   string // the next step, a command or a place to look
	Err    error  // the cause; may be nil
}

func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Reason
	}
	return f.Reason + ": " + f.Err.Error()
}

func (f *Fault) Unwrap() error { return f.Err }

// FaultOf finds the Fault in err, or makes one whose reason is the error's
// text and whose next step is the log. It is nil for a nil error.
func FaultOf(err error) *Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return &Fault{Reason: err.Error(), Hint: "see the service's log"}
}

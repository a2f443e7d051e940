package gpio

import (
	"strings"

	"periph.io/x/conn/v3/gpio"

	"clinicgate/devices"
)

// held is a line in use: periph's pin, and what periph's interface has no place
// for. It has one owner, who also closes it.
type held struct {
	gpio.PinIO
	where string
	gone  func() error // nil while the chip is there; a *devices.Fault
	close func()
}

// opener takes a line into use. The error is a *devices.Fault.
type opener func(Line) (*held, error)

// lineFault says what an error of the kernel means. periph keeps its text only.
func lineFault(err error) error {
	f := &devices.Fault{Reason: "line does not answer", Hint: "`gpioinfo` shows chip and line; check the wiring and the chip's driver", Err: err}
	switch text := err.Error(); {
	case strings.Contains(text, "resource busy"):
		f.Reason, f.Hint = "line is in use by another program", "`gpioinfo` names it: stop it, or take another line"
	case strings.Contains(text, "no such device"):
		return gone()
	}
	return f
}

func gone() error { return &devices.Fault{Reason: "chip went away", Hint: "plug it in again"} }

// probe looks whether the line could be had now, and gives it back at once. Its
// direction and level are left as they are.
func probe(link *devices.Link, cfg Config, line Line, open opener) devices.Probe {
	switch st := link.Status(); {
	case cfg.Disabled:
		return devices.Probe{Outcome: devices.Skipped, Reason: "disabled in the configuration"}
	case !supported:
		return devices.Probe{Outcome: devices.Skipped, Reason: unsupported}
	case st.State == devices.Attached:
		return devices.ProbeOf(st.Where, nil)
	case st.State == devices.Lost:
		return devices.Probe{Outcome: devices.Failed, Reason: st.Reason, Hint: st.Hint}
	}
	p, err := open(line)
	if err != nil {
		return devices.ProbeOf("", err)
	}
	p.close()
	return devices.ProbeOf(p.where, nil)
}

const unsupported = "GPIO lines need Linux"

package doctor

import (
	"context"
	"fmt"
)

// Site is how the exchange with the other kiosks of the site stands.
type Site struct {
	On        bool
	Connected bool
	Reason    string // why it is not connected, if that is known
	Others    int    // kiosks whose keys are known
	Heard     int    // of these, heard lately
}

// SiteExchange looks whether the kiosks of a site would agree without internet.
func SiteExchange(status func() Site) Check {
	return Check{ID: "site-exchange", Run: func(context.Context) Result {
		s := status()
		switch {
		case !s.On:
			return Result{State: Skipped, Detail: "mqtt.exchange is off: without internet each kiosk shows its own queue"}
		case !s.Connected:
			detail := "the site's broker does not answer"
			if s.Reason != "" {
				detail += " (" + s.Reason + ")"
			}
			return Result{Warn, detail, "look at the broker, and at [mqtt] in the config"}
		case s.Others == 0:
			return Result{Warn, "no other kiosk's key is known", "`clinicgate keys import` takes the public keys of the others, which `clinicgate keys list` shows there"}
		case s.Heard < s.Others:
			return Result{Warn, fmt.Sprintf("%d of %d other kiosks are heard on the site's broker", s.Heard, s.Others),
				"`clinicgate sync status` names them; is one off, of another site, or without mqtt.exchange?"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("%d other kiosks are heard", s.Heard)}
	}}
}

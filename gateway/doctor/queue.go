package doctor

import "context"

// TicketLetter looks whether another kiosk begins its numbers with the same
// letter: two patients would hold one number. clash names that kiosk, empty for
// none.
func TicketLetter(clash func() string) Check {
	return Check{ID: "ticket-letter", Run: func(context.Context) Result {
		if other := clash(); other != "" {
			return Result{Fail, "kiosk " + other + " gives numbers with this kiosk's letter", "set another kiosk.letter here or there, before the next day begins"}
		}
		return Result{State: OK, Detail: "no other kiosk was seen to use this kiosk's letter"}
	}}
}

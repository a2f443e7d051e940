package session

import "context"

// Compositors are those that a session can start by itself: Windows has its own.
var Compositors [0]string

func (s *session) compose(context.Context) error {
	return &Error{What: "Windows needs no compositor", Next: "remove kiosk_session.compositor from the config"}
}

// displayThere is for compositors of ours.
func displayThere(string) bool { return true }

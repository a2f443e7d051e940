package control

import (
	"context"
	"errors"
	"net/http"
)

// Code says what kind of refusal an Error is. Codes are part of the versioned
// API: a new one may come, none changes its meaning.
type Code string

// The codes.
const (
	Denied      Code = "denied"      // the account has not the role
	Invalid     Code = "invalid"     // the request is malformed or names an impossible value
	NotFound    Code = "not-found"   // there is no such thing
	Conflict    Code = "conflict"    // the rules forbid it in the present state
	Unavailable Code = "unavailable" // not now; try again later
	Failed      Code = "failed"      // it was tried and did not work
	Found       Code = "found"       // it was looked at, and something is wrong with it
)

var statusOf = map[Code]int{
	Denied: http.StatusForbidden, Invalid: http.StatusBadRequest, NotFound: http.StatusNotFound,
	Conflict: http.StatusConflict, Unavailable: http.StatusServiceUnavailable, Failed: http.StatusInternalServerError, Found: http.StatusUnprocessableEntity,
}

// Error is a refusal or failure that a person reads. It holds nothing about a
// patient and no secret.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Next    string `json:"hint,omitempty"`
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Hint tells what to do next; it may be empty.
func (e *Error) Hint() string { return e.Next }

// failure turns what a backend returned into an Error.
func failure(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Code: Failed, Message: err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Code, e.Next = Unavailable, "it took too long; see `clinicgate status` for what keeps the service busy"
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		e.Next = hinted.Hint()
	}
	return e
}

package storage

import (
	"errors"
	"fmt"
)

// The errors a caller decides on. All others are wrapped with what could not be
// done.
var (
	// ErrFull means that the byte budget refuses this kind of event at the
	// present water mark, or that the queue in front of the writer is full.
	// Nothing was stored.
	ErrFull = errors.New("store is full")

	// ErrOutcomeUnknown means that the event may or may not be on disk: append
	// it again under the same id and the answer becomes certain.
	ErrOutcomeUnknown = errors.New("outcome of the commit is unknown")

	// ErrFenced means that the store is checking its file after a disk error.
	// Nothing was stored; try again later.
	ErrFenced = errors.New("store is checking its file")

	// ErrClosed means that the store was closed. Nothing was stored.
	ErrClosed = errors.New("store is closed")

	// ErrConflict means that the id, or the place in a foreign stream, is held
	// by an event with other content.
	ErrConflict = errors.New("another event is stored under this id")

	// ErrTooLarge means that the published form of the event would not fit one
	// message. Put large things into a blob.
	ErrTooLarge = errors.New("event is too large")

	// ErrWrongKey means that the keys do not open this store.
	ErrWrongKey = errors.New("keys do not open this store")

	// ErrLocked means that another process has the data directory open.
	ErrLocked = errors.New("data directory is in use by another process")

	// ErrNewer means that the file was written by a newer version.
	ErrNewer = errors.New("store was written by a newer version")

	// ErrUnreadable means that one record does not open. The others do.
	ErrUnreadable = errors.New("record is unreadable")
)

// hinted is an error for a person: what is wrong, and the next step.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hint is the next step for the person who reads the error.
func (e *hinted) Hint() string { return e.hint }

func hint(hint string, format string, args ...any) error {
	return &hinted{fmt.Errorf(format, args...), hint}
}

package devices

import (
	"context"
	"errors"
)

// Command asks an output device to do something that can be seen, heard or
// held in the hand.
type Command struct {
	// ID is minted by the caller and kept over retries. A device does a
	// command once: the same id again, also after the hardware was away,
	// returns the first outcome.
	ID string
	// Verb is a word of the device's class, such as "print-ticket".
	Verb string
	// Args are checked against the verb's closed schema; unknown names are
	// refused. No schema has a place for something about a person.
	Args map[string]string
}

// Output is a device that acts. A device that only acts never calls the sink
// of its Run.
type Output interface {
	Device
	// Do returns nil when the hardware has confirmed, or taken over, the act.
	// It gives up when ctx ends. ErrAbsent and ErrUnsupported mean that nothing
	// happened; after any other error it may have.
	Do(ctx context.Context, c Command) error
}

// ErrAbsent: the device is not attached, nothing was done. Retry when it is
// back, or tell the desk.
var ErrAbsent = errors.New("device is not attached")

// ErrUnsupported: the device does not know the verb or an argument. Retrying
// cannot help.
var ErrUnsupported = errors.New("device does not support this command")

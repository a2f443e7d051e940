package keyring

import "errors"

// What a caller decides on. Each comes wrapped in an Error with a hint.
var (
	// ErrLost means that neither copy of the keyring can be read. Where the
	// files are simply not there it is fs.ErrNotExist too; whether that is a
	// first start or a loss is for the owner of the data to say.
	ErrLost = errors.New("keyring is lost")
	// ErrExists means that a keyring, whole or damaged, is already there.
	ErrExists = errors.New("keyring exists already")
	// ErrWrongKey means that the source unseals another key than the keyring's.
	ErrWrongKey = errors.New("key source does not open this keyring")
	// ErrSource means that the source cannot give its key now.
	ErrSource = errors.New("key source is not available")
	// ErrNoKey means that there is no such class, epoch or secret.
	ErrNoKey = errors.New("no such key")
	// ErrInUse means that a key cannot be destroyed while it seals.
	ErrInUse = errors.New("key is in use")
	// ErrExhausted means that a key has sealed as many records as it may.
	ErrExhausted = errors.New("key has been used up")
	// ErrConflict means that another secret has this kind and id.
	ErrConflict = errors.New("another secret has this id")
	// ErrSecret means that a secret to import is malformed.
	ErrSecret = errors.New("secret is malformed")
	// ErrChanged means that another process has changed the keyring since it was
	// opened; nothing was written.
	ErrChanged = errors.New("keyring was changed by another process")
	// ErrReadOnly means that the ring was opened to look at, not to change.
	ErrReadOnly = errors.New("keyring is open for reading only")
	// ErrClosed means that the ring was closed.
	ErrClosed = errors.New("keyring is closed")
)

// Error is an error for a person: what happened and what to do next.
type Error struct {
	Err  error
	Next string
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint is the next step: a command or a place to look.
func (e *Error) Hint() string { return e.Next }

func hint(err error, next string) error { return &Error{err, next} }

package storage

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/keyring"
	"clinicgate/storage/seal"
)

// Keys is what the store needs of a keyring. *keyring.Ring is one.
type Keys interface {
	seal.Keys
	// Active is the key that new records of a class are sealed with. It was
	// durable before it was first returned.
	Active(class string) (*seal.AEAD, error)
	// Secret is 32 bytes for one purpose of this store that never change.
	Secret(purpose string) ([]byte, error)
	// Ensure makes keys for the classes that have none.
	Ensure(classes ...string) error
	// SigningKey is the kiosk's own, for checkpoints.
	SigningKey() ed25519.PrivateKey
	// OwnPublicKeys are all that the kiosk has ever signed with.
	OwnPublicKeys() []ed25519.PublicKey
}

// Options say how a store is opened. Dir, Kiosk, Kinds, Keys and Now are needed.
type Options struct {
	Dir    string
	Kiosk  string
	Kinds  []Kind
	Keys   Keys
	Now    func() Instant
	Logger *slog.Logger
	// Program is the version of this program. It is kept beside the store, so that an
	// older version can say which one to install. Empty: nothing is kept.
	Program string
	// Trial says that the version before may come back: the file that a migration
	// replaced is kept. The first opening without it removes that file.
	Trial bool

	// Budget bounds the bytes in Dir, a copy made by compaction included.
	Budget int64
	// MaxPublished bounds the JSON of a published event, its gw member included.
	MaxPublished int
	// Verify checks a file before it is opened. Nil checks in this process; a
	// service passes one that does it in a child, which a damaged file may kill.
	Verify Verifier
	// NoSync leaves out every sync. For simulation: what is acknowledged then
	// survives the end of the process, not that of the machine.
	NoSync bool

	// OnRepair is told how much of a damaged file is read, and then of the new one
	// that takes its place. It must be quick. Nil is told nothing.
	OnRepair func(done, total int64)
	// OnDone is told how long each Append and Update that succeeded took, from the
	// call until it was durable. It must be quick. Nil is told nothing.
	OnDone func(time.Duration)
	// OnGap makes the event that tells readers of a stream what they will never
	// get. It is appended in the same commit. Nil appends none, and so does the
	// zero Event: of gaps in the stream that carries the gap records.
	OnGap func(Gap) (Event, error)
	// OnCheckpoint makes the event that publishes a signed checkpoint. Nil
	// publishes none.
	OnCheckpoint func(note []byte) (Event, error)
	// OnRecovery is told when the store, opened again while running, was not as it
	// was left: salvaged or rolled back. Views may have lost rows then. It is called
	// by the writer and must not use the store before it returns.
	OnRecovery func(Opened)

	// For tests to fail:
	dirs   func(path string) keyring.FS
	commit func(*bolt.Tx) error
	steps  []step
}

// Verifier checks the store file at path. An error means that the check itself
// could not be done.
type Verifier func(ctx context.Context, path string, keys Keys) (Report, error)

const (
	defaultMaxPublished = 20 << 10
	// gwReserve is what the gw member adds to an event at most.
	gwReserve = 640
	// maxForeign bounds the text of a foreign event: PubNub's limit.
	maxForeign = 32 << 10
	maxChannel = 128
	minBudget  = 8 << 20
)

func (o *Options) fill() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("no data directory"))
	}
	if o.Kiosk == "" || len(o.Kiosk) > maxChannel {
		errs = append(errs, errors.New("no kiosk id"))
	}
	if o.Keys == nil {
		errs = append(errs, errors.New("no keys"))
	}
	if o.Now == nil {
		errs = append(errs, errors.New("no clock"))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Budget == 0 {
		o.Budget = 1 << 30
		if bits.UintSize == 32 {
			o.Budget = 256 << 20
		}
	}
	if o.Budget < minBudget {
		errs = append(errs, fmt.Errorf("budget of %d bytes, want at least %d", o.Budget, minBudget))
	}
	if o.MaxPublished == 0 {
		o.MaxPublished = defaultMaxPublished
	}
	if o.Verify == nil {
		o.Verify = func(ctx context.Context, path string, keys Keys) (Report, error) {
			return Check(ctx, CheckOptions{Path: path, Keys: keys})
		}
	}
	if o.commit == nil {
		o.commit = (*bolt.Tx).Commit
	}
	if o.dirs == nil {
		o.dirs = func(path string) keyring.FS { return keyring.Dir(path) }
	}
	if dirs := o.dirs; o.NoSync {
		o.dirs = func(path string) keyring.FS { return unsynced{dirs(path)} }
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("store options: %w", err)
	}
	return nil
}

const (
	maxGroup      = 1024            // requests in one commit
	maxGroupBytes = 8 << 20         // of records in one commit
	viewTimeout   = 5 * time.Second // of one reader
	lockTimeout   = 3 * time.Second // for another process to let go of the file
	closeTimeout  = 1 * time.Second // for readers to end when the file is closed
)

// unsynced is a directory whose syncs are left out.
type unsynced struct{ keyring.FS }

func (unsynced) SyncDir() error { return nil }

func (u unsynced) Create(name string) (keyring.File, error) {
	f, err := u.FS.Create(name)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

type unsyncedFile struct{ keyring.File }

func (unsyncedFile) Sync() error { return nil }

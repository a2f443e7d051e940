package control

import (
	"context"
	"time"
)

// StoreBackup asks for a copy of the store.
type StoreBackup struct {
	// To is an absolute path: a folder, or a file that is not there yet. Empty means
	// the folder of the nightly ones.
	To string `json:"to,omitempty"`
}

// BackedUp is a backup that was written, synced and read back.
type BackedUp struct {
	File     string    `json:"file"`
	Bytes    int64     `json:"bytes"`
	Made     time.Time `json:"made"`
	Life     uint32    `json:"life"`
	Commit   uint64    `json:"commit"`
	Unsent   uint64    `json:"unsent"`   // events in it that PubNub does not have yet
	Blobs    int       `json:"blobs"`    // documents and signatures
	Recovery bool      `json:"recovery"` // the clinic's recovery key opens it
	SameDisk bool      `json:"sameDisk"` // it lies on the store's own disk
}

// StoreBackup writes a backup.
func (c *Client) StoreBackup(ctx context.Context, in StoreBackup, progress func(Progress)) (BackedUp, error) {
	return follow[BackedUp](ctx, c, "store/backup", in, progress)
}

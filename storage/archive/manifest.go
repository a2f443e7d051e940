package archive

import (
	"regexp"

	"clinicgate/storage"
)

// Names of members.
const (
	StoreFile  = "store.db"
	ConfigFile = "config.toml"
	blobPrefix = "blobs/"
)

var memberName = regexp.MustCompile(`^(store\.db|config\.toml|blobs/[0-9a-f]{32})$`)

// Manifest ends a backup and says what is in it.
type Manifest struct {
	Snapshot storage.Snapshot `json:"snapshot"`
	Members  []Member         `json:"members"`
}

// Member is one file in a backup.
type Member struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	Sum  string `json:"sha256"` // in hex
}

// Bounds of what is believed.
const (
	maxMembers  = 100_000
	maxManifest = 32 << 20
	maxConfig   = 1 << 20
	maxStore    = 1 << 42
)

// fits reports whether a member may be so large.
func fits(name string, size int64) bool {
	switch name {
	case StoreFile:
		return size >= 0 && size <= maxStore
	case ConfigFile:
		return size >= 0 && size <= maxConfig
	}
	return size >= 0 && size <= int64(storage.MaxSealedBlob)
}

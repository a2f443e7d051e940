//go:build !linux

package clock

import (
	"time"

	"github.com/google/uuid"
)

// boot: this system names no boot.
func boot() (uuid.UUID, time.Duration) { return uuid.New(), 0 }

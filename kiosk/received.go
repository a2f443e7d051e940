package kiosk

import (
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Received is a message that was believed: verified, allowed for its sender, and
// decoded.
type Received struct {
	Channel   string
	ID        uuid.UUID
	Origin    storage.Origin // of an unsigned message: Kiosk is "@" and the publisher
	Publisher ProviderID     // of an unsigned message; empty otherwise
	Message   any            // as Decode gives it
}

// Result is what taking in a message amounted to.
type Result string

const (
	Applied    Result = "applied"  // it counts
	Conflicted Result = "conflict" // the rules forbid it; staff see it
	Known      Result = "known"    // it was there already
	Ignored    Result = "ignored"  // not for this part, malformed, or beyond a bound
)

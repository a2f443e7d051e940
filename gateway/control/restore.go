package control

import "time"

// Restored is what a restore did. No service runs meanwhile, so there is no
// endpoint.
type Restored struct {
	Kiosk   string    `json:"kiosk"`             // whose backup it was
	Made    time.Time `json:"made"`              // when
	Unsent  uint64    `json:"unsent"`            // events in it that were not sent then
	Blobs   int       `json:"blobs"`             // documents and signatures
	Aside   string    `json:"aside,omitempty"`   // folder that holds the store of before
	Left    uint64    `json:"left,omitempty"`    // unsent events of the store of before, which stay there
	Keyring string    `json:"keyring,omitempty"` // "kept", "restored", or "recovered" with the recovery key
}

package config

// Sync says how events travel to PubNub and which messages from it count.
type Sync struct {
	Batch    Batch    `toml:"batch"`
	Compress bool     `toml:"compress"`
	Unsigned Unsigned `toml:"unsigned"`
}

// Batch says when events may travel several to a message.
type Batch string

// The values of sync.batch.
const (
	BatchAuto  Batch = "auto"  // a long backlog and audit events go as BATCH messages
	BatchNever Batch = "never" // every event is a message of its own, audit too
)

// Unsigned says what a message without a signature may do.
type Unsigned string

// The values of sync.unsigned.
const (
	UnsignedBound Unsigned = "bound" // staff apps whose user id is bound to their token may call and change status
	UnsignedOff   Unsigned = "off"   // only signed messages count
)

func (s Sync) validate(_ *Config, r *report) {
	if s.Batch != BatchAuto && s.Batch != BatchNever {
		r.bad("sync.batch", string(s.Batch), oneOf(BatchAuto, BatchNever), "")
	}
	if s.Unsigned != UnsignedBound && s.Unsigned != UnsignedOff {
		r.bad("sync.unsigned", string(s.Unsigned), oneOf(UnsignedBound, UnsignedOff), "")
	}
}

package kiosk

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Timestamp is a time on the wire: RFC 3339 in UTC with milliseconds. Reading
// takes any RFC 3339 form; null and "" are the zero time.
type Timestamp struct{ time.Time }

// At gives t as it travels: whole milliseconds, UTC.
func At(t time.Time) Timestamp {
	if t.IsZero() {
		return Timestamp{}
	}
	return Timestamp{t.UTC().Truncate(time.Millisecond)}
}

// MarshalJSON gives the RFC 3339 form, or null for the zero time.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z07:00"`), nil
}

// UnmarshalJSON reads RFC 3339.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	*t = Timestamp{}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("time is not a string")
	}
	if s == "" {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || parsed.Year() < 1970 || parsed.Year() > 9998 {
		return errors.New("time is not RFC 3339")
	}
	*t = At(parsed)
	return nil
}

// The messages of the queue channel. Timestamp says when a message was recorded.
// HappenedAt is there only where staff recorded it later than it happened, from what
// they wrote on paper while the kiosk was out of order; who does not know the member
// takes the two for one.
type (
	// PatientAdded says that an entry joined the queue.
	PatientAdded struct {
		Action     string     `json:"action"`
		Entry      EntryShape `json:"entry"`
		HappenedAt Timestamp  `json:"happenedAt,omitzero"`
		Timestamp  Timestamp  `json:"timestamp"`
	}
	// StatusUpdated asks for one of the nine transitions.
	StatusUpdated struct {
		Action       string    `json:"action"`
		QueueEntryID EntryID   `json:"queueEntryId"`
		NewStatus    Status    `json:"newStatus"`
		UpdatedBy    string    `json:"updatedBy"`
		HappenedAt   Timestamp `json:"happenedAt,omitzero"`
		Timestamp    Timestamp `json:"timestamp"`
	}
	// PatientRemoved says that an entry left the queue for good.
	PatientRemoved struct {
		Action       string    `json:"action"`
		QueueEntryID EntryID   `json:"queueEntryId"`
		Reason       Removal   `json:"reason"`
		HappenedAt   Timestamp `json:"happenedAt,omitzero"`
		Timestamp    Timestamp `json:"timestamp"`
	}
	// Called asks a waiting patient to a room.
	Called struct {
		Action       string    `json:"action"`
		QueueEntryID EntryID   `json:"queueEntryId"`
		Ticket       string    `json:"ticket"`
		Room         string    `json:"room"`
		CalledBy     string    `json:"calledBy"`
		HappenedAt   Timestamp `json:"happenedAt,omitzero"`
		Timestamp    Timestamp `json:"timestamp"`
	}
	// PriorityChanged changes an entry's priority.
	PriorityChanged struct {
		Action       string    `json:"action"`
		QueueEntryID EntryID   `json:"queueEntryId"`
		NewPriority  Priority  `json:"newPriority"`
		UpdatedBy    string    `json:"updatedBy"`
		Timestamp    Timestamp `json:"timestamp"`
	}
	// Transferred moves an entry to another department's queue. It travels on the
	// channel of the department that the entry leaves and, after it, so do the
	// entry's later messages on that of its new one.
	Transferred struct {
		Action         string       `json:"action"`
		QueueEntryID   EntryID      `json:"queueEntryId"`
		ToDepartmentID DepartmentID `json:"toDepartmentId"`
		UpdatedBy      string       `json:"updatedBy"`
		Timestamp      Timestamp    `json:"timestamp"`
	}
	// Matched says which appointment an arrival was for that came in without one:
	// a provisional arrival, or a walk-in that was expected after all.
	Matched struct {
		Action       string  `json:"action"`
		QueueEntryID EntryID `json:"queueEntryId"`
		MatchShape
		UpdatedBy string    `json:"updatedBy"`
		Timestamp Timestamp `json:"timestamp"`
	}
	// Corrected takes back the entry's last change.
	Corrected struct {
		Action       string    `json:"action"`
		QueueEntryID EntryID   `json:"queueEntryId"`
		Undoes       uuid.UUID `json:"undoes"`
		UpdatedBy    string    `json:"updatedBy"`
		Timestamp    Timestamp `json:"timestamp"`
	}
	// ProviderStatus is a provider's availability.
	ProviderStatus struct {
		Action     string       `json:"action"`
		ProviderID ProviderID   `json:"providerId"`
		Status     Availability `json:"status"`
		Room       string       `json:"room"`
		UpdatedBy  string       `json:"updatedBy,omitempty"`
		Timestamp  Timestamp    `json:"timestamp"`
	}
)

// MatchShape is what an entry takes over from the appointment that it is matched
// to, as it travels.
type MatchShape struct {
	AppointmentID AppointmentID `json:"appointmentId"`
	// Was is the appointment that whoever matched found the entry to have; empty:
	// none. A match that found another one than there is, is a conflict.
	Was             AppointmentID `json:"was,omitempty"`
	PatientID       PatientRef    `json:"patientId"`
	ProviderID      ProviderID    `json:"providerId,omitempty"`
	AppointmentTime Timestamp     `json:"appointmentTime"`
	OrderAt         Timestamp     `json:"orderAt"`
	Mode            Mode          `json:"mode"`
}

// Valid reports whether a received match can be used.
func (m MatchShape) Valid() bool {
	return m.AppointmentID.Validate() == nil && (m.Was == "" || m.Was.Validate() == nil) && m.PatientID.Validate() == nil &&
		(m.ProviderID == "" || m.ProviderID.Validate() == nil) && !m.AppointmentTime.IsZero() && !m.OrderAt.IsZero() && m.Mode.Valid()
}

// PatientCheckedIn tells a provider's waiting room that a patient has arrived.
type PatientCheckedIn struct {
	Action         string        `json:"action"`
	AppointmentID  AppointmentID `json:"appointmentId"`
	PatientID      PatientRef    `json:"patientId"`
	ConsultationID string        `json:"consultationId"` // the consultation's channel name
	Timestamp      Timestamp     `json:"timestamp"`
}

// Notification is a personal notice. Title and body are generic words.
type Notification struct {
	ID        uuid.UUID            `json:"id"`
	Type      string               `json:"type"`
	Title     string               `json:"title"`
	Body      string               `json:"body"`
	Priority  string               `json:"priority"` // "normal", "high", "critical"
	ActionURL *string              `json:"actionUrl"`
	Timestamp Timestamp            `json:"timestamp"`
	Metadata  NotificationMetadata `json:"metadata"`
}

// NotificationMetadata says what a notice is about.
type NotificationMetadata struct {
	AppointmentID AppointmentID `json:"appointmentId,omitempty"`
	SenderID      string        `json:"senderId,omitempty"`
}

// EscalationStatus is how far an emergency has been handled. It only goes
// forward.
type EscalationStatus string

const (
	EscalationActive       EscalationStatus = "active"
	EscalationAcknowledged EscalationStatus = "acknowledged"
	EscalationResolved     EscalationStatus = "resolved"
)

// Rank orders the states; an unknown one ranks below all.
func (s EscalationStatus) Rank() int {
	return slices.Index([]EscalationStatus{EscalationActive, EscalationAcknowledged, EscalationResolved}, s)
}

// EmergencyEscalation raises an emergency, or tells how it goes on: the same id
// with a later status, then UpdatedBy says who.
type EmergencyEscalation struct {
	Action         string           `json:"action"`
	ID             uuid.UUID        `json:"id"`
	ConsultationID string           `json:"consultationId"`
	EscalatedBy    string           `json:"escalatedBy"`
	Severity       string           `json:"severity"` // "urgent", "critical", "life-threatening"
	Reason         string           `json:"reason"`   // a fixed word, never free text, when it is ours
	Timestamp      Timestamp        `json:"timestamp"`
	Status         EscalationStatus `json:"status"`
	UpdatedBy      string           `json:"updatedBy,omitempty"`
}

// ConsentRecorded carries one consent record.
type ConsentRecorded struct {
	Type      string       `json:"type"`
	Record    ConsentShape `json:"record"`
	Timestamp Timestamp    `json:"timestamp"`
}

// ConsentShape is a consent record as published, and what we add: which exact
// text was shown, and how the patient decided.
type ConsentShape struct {
	ID        uuid.UUID  `json:"id"`
	PatientID PatientRef `json:"patientId"`
	Type      string     `json:"type"` // "telehealth", "data-sharing", "recording"
	Granted   bool       `json:"granted"`
	Scope     string     `json:"scope"`
	GrantedAt Timestamp  `json:"grantedAt"` // null unless granted
	ExpiresAt Timestamp  `json:"expiresAt"` // null: does not expire
	RevokedAt Timestamp  `json:"revokedAt,omitzero"`
	Version   string     `json:"version"` // of the form

	FormID    string    `json:"formId"`
	SHA256    string    `json:"sha256"` // hex, of the exact text shown
	Language  string    `json:"language"`
	Basis     string    `json:"basis"`
	Decision  string    `json:"decision"` // "granted", "declined", "revoked"
	DecidedAt Timestamp `json:"decidedAt"`
	Method    string    `json:"method"`   // "tapped", "typed", "drawn"
	Signer    string    `json:"signer"`   // "patient", "representative" or "staff"; never a name
	Relation  string    `json:"relation"` // "self", "parent", "guardian", ...; "staff"

	Signature          *SignatureShape `json:"signature,omitempty"`          // of a grant that was typed or drawn
	InterpreterPresent bool            `json:"interpreterPresent,omitempty"` // when it was decided
	Revokes            uuid.UUID       `json:"revokes,omitzero"`             // the grant that a revocation takes back
	Reason             string          `json:"reason,omitempty"`             // of a revocation: a fixed word
}

// SignatureShape tells a signature from every other one and tells nothing of it. The
// signature itself does not leave the kiosk.
type SignatureShape struct {
	SHA256 string `json:"sha256"` // hex, of the sealed bytes, in which a salt is
	Size   int    `json:"size"`   // of those, in bytes
}

// The messages of the device channel.
type (
	// DeviceHealth says how a device is.
	DeviceHealth struct {
		Type      string    `json:"type"`
		Device    string    `json:"deviceId"`
		Class     string    `json:"class"`
		State     string    `json:"state"`
		Reason    string    `json:"reason,omitempty"`
		Timestamp Timestamp `json:"timestamp"`
		// Of a test: how long the device took, and the version that the unit tells.
		LatencyMicros int64  `json:"latencyMicros,omitempty"`
		Firmware      string `json:"firmware,omitempty"`
		// Of a device on a battery: its charge in percent.
		Battery *int `json:"battery,omitempty"`
	}
	// Gap says which events of a stream will never come.
	Gap struct {
		Type      string    `json:"type"`
		Channel   string    `json:"channel"`
		Inc       uint32    `json:"inc"`
		First     uint64    `json:"first"`
		Last      uint64    `json:"last"`
		Count     uint64    `json:"count"`
		Reason    string    `json:"reason"`
		Timestamp Timestamp `json:"timestamp"`
	}
	// ClockCorrected gives the true time of everything that a kiosk did in one
	// boot before it knew the time. Offset is what has to be added to an event's
	// time since boot to get its Unix time, in nanoseconds.
	ClockCorrected struct {
		Type      string    `json:"type"`
		Boot      uuid.UUID `json:"boot"`
		Offset    int64     `json:"offset,string"`
		Timestamp Timestamp `json:"timestamp"`
	}
	// Heartbeat says that a kiosk is alive, and how it found itself when it last looked.
	Heartbeat struct {
		Type      string    `json:"type"`
		Timestamp Timestamp `json:"timestamp"`
		State     string    `json:"state,omitempty"`   // the worst of its checks: "ok", "warn", "fail"; empty: it has not looked yet
		Failing   []string  `json:"failing,omitempty"` // ids of the checks that name a cause, the worst first; [HeartbeatFailing] at most
	}
)

// HeartbeatFailing is how many causes a heartbeat names.
const HeartbeatFailing = 8

// Roster is a part of a department's appointment list of one clinic day.
type Roster struct {
	Type      string      `json:"type"`
	Day       Day         `json:"day"`
	Part      int         `json:"part"` // 1 to Of
	Of        int         `json:"of"`
	Rows      []RosterRow `json:"rows"`
	Timestamp Timestamp   `json:"timestamp"`
}

// RosterRow is one appointment. It is the one shape that holds names; it
// travels on roster channels only.
type RosterRow struct {
	AppointmentID AppointmentID `json:"appointmentId"`
	PatientID     PatientRef    `json:"patientId"`
	FamilyName    string        `json:"familyName"`
	GivenName     string        `json:"givenName"`
	NativeName    string        `json:"nativeName,omitempty"` // the whole name in its own script
	BirthDate     string        `json:"birthDate"`            // 2006-01-02
	ProviderID    ProviderID    `json:"providerId,omitempty"`
	Start         Timestamp     `json:"start"`
	Mode          Mode          `json:"mode"`
	Language      string        `json:"language,omitempty"`
	PhoneLast2    string        `json:"phoneLast2,omitempty"`
	Code          string        `json:"code,omitempty"` // the clinic's own code
	Card          CardRef       `json:"card,omitempty"` // of the patient's card; a look-up, never a proof
	// Cancelled: it will not take place. Such a row has nothing of the person but
	// PatientID.
	Cancelled bool `json:"cancelled,omitempty"`
}

// RosterPerson says who a queue entry without an appointment is, as far as that
// was said: a walk-in or a provisional arrival. Like RosterRow it travels on
// roster channels only.
type RosterPerson struct {
	Type         string    `json:"type"`
	Day          Day       `json:"day"`
	QueueEntryID EntryID   `json:"queueEntryId"`
	FamilyName   string    `json:"familyName,omitempty"` // the whole name where it was said in one
	GivenName    string    `json:"givenName,omitempty"`
	BirthDate    string    `json:"birthDate,omitempty"` // 2006-01-02
	Timestamp    Timestamp `json:"timestamp"`
}

// Command is an order to one kiosk.
type Command struct {
	Type      string          `json:"type"`
	Name      string          `json:"name"`
	Args      json.RawMessage `json:"args,omitempty"`
	Expires   Timestamp       `json:"expires"`
	Nonce     string          `json:"nonce"`
	Timestamp Timestamp       `json:"timestamp"`
}

// AuditEvent is the published shape of an audit event.
type AuditEvent struct {
	ID             uuid.UUID      `json:"id"`
	Timestamp      Timestamp      `json:"timestamp"`
	EventType      AuditType      `json:"eventType"`
	Severity       Severity       `json:"severity"`
	OrganizationID OrganizationID `json:"organizationId"`
	Actor          AuditActor     `json:"actor"`
	Resource       AuditResource  `json:"resource"`
	Action         string         `json:"action"`
	Outcome        string         `json:"outcome"`
	Metadata       AuditMetadata  `json:"metadata"`
}

// AuditActor is who did it.
type AuditActor struct {
	UserID    string `json:"userId"`
	Role      string `json:"role"`
	IPAddress string `json:"ipAddress,omitempty"`
}

// AuditResource is what it was done to.
type AuditResource struct {
	Type    string `json:"type"`
	ID      string `json:"id"`
	Channel string `json:"channel,omitempty"`
}

// AuditMetadata points to what belongs to the act. HappenedAt is there only where the
// act was recorded later than it was done: a late entry, by the actor.
type AuditMetadata struct {
	SessionID  string    `json:"sessionId,omitempty"`
	ConsentRef string    `json:"consentRef,omitempty"`
	HappenedAt Timestamp `json:"happenedAt,omitzero"`
}

// AuditCheckpoint carries a signed note that commits to the audit log so far.
type AuditCheckpoint struct {
	Type      string    `json:"type"`
	Note      string    `json:"note"`
	Timestamp Timestamp `json:"timestamp"`
}

// Decode reads a message body as the type of its registry row: a pointer to one
// of the structs of this file. Members that the struct does not have (gw among
// them) are ignored.
func Decode(d Definition, body []byte) (any, error) {
	m := newMessage(d)
	if m == nil {
		return nil, fmt.Errorf("no message form for %s", d.Name)
	}
	if err := json.Unmarshal(body, m); err != nil {
		// The decoder's own words may quote the message.
		return nil, fmt.Errorf("cannot read %s: malformed", d.Name)
	}
	return m, nil
}

func newMessage(d Definition) any {
	switch d.Type {
	case "PATIENT_ADDED":
		return new(PatientAdded)
	case "STATUS_UPDATED":
		return new(StatusUpdated)
	case "PATIENT_REMOVED":
		return new(PatientRemoved)
	case "CALLED":
		return new(Called)
	case "PRIORITY_CHANGED":
		return new(PriorityChanged)
	case "TRANSFERRED":
		return new(Transferred)
	case "MATCHED":
		return new(Matched)
	case "CORRECTED":
		return new(Corrected)
	case "PROVIDER_STATUS":
		return new(ProviderStatus)
	case "PATIENT_CHECKED_IN":
		return new(PatientCheckedIn)
	case "PATIENT_READY", "PROVIDER_READY":
		return new(Notification)
	case "EMERGENCY_ESCALATION":
		return new(EmergencyEscalation)
	case "CONSENT_RECORDED":
		return new(ConsentRecorded)
	case "DEVICE_HEALTH":
		return new(DeviceHealth)
	case "VITALS":
		return new(Vitals)
	case "GAP":
		return new(Gap)
	case "CLOCK_CORRECTED":
		return new(ClockCorrected)
	case "HEARTBEAT":
		return new(Heartbeat)
	case "ROSTER":
		return new(Roster)
	case "ROSTER_PERSON":
		return new(RosterPerson)
	case "COMMAND":
		return new(Command)
	case "AUDIT_CHECKPOINT":
		return new(AuditCheckpoint)
	case "":
		return new(AuditEvent)
	}
	return nil
}

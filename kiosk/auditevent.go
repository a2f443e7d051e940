package kiosk

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// AuditType names an auditable act.
type AuditType string

// The published catalogue, as far as this product does the act.
const (
	PHIMessageSent     AuditType = "PHI_MESSAGE_SENT"
	MessageFailed      AuditType = "MESSAGE_FAILED"
	TokenGranted       AuditType = "ACCESS_TOKEN_GRANTED"
	ConsentGiven       AuditType = "PATIENT_CONSENT_GIVEN"
	ConsentRevoked     AuditType = "PATIENT_CONSENT_REVOKED"
	EmergencyTriggered AuditType = "EMERGENCY_ESCALATION_TRIGGERED"
	NotificationSent   AuditType = "NOTIFICATION_SENT"
)

// The gateway's own.
const (
	ConsentDeclined       AuditType = "PATIENT_CONSENT_DECLINED"
	ConsentRead           AuditType = "PATIENT_CONSENT_READ"
	EmergencyAcknowledged AuditType = "EMERGENCY_ESCALATION_ACKNOWLEDGED"
	EmergencyResolved     AuditType = "EMERGENCY_ESCALATION_RESOLVED"
	EmergencyWidened      AuditType = "EMERGENCY_ESCALATION_WIDENED"

	PatientIdentified     AuditType = "PATIENT_IDENTIFIED"
	NeedsStated           AuditType = "PATIENT_NEEDS_STATED"
	IdentificationRefused AuditType = "PATIENT_IDENTIFICATION_REFUSED"
	CheckInAbandoned      AuditType = "CHECK_IN_ABANDONED"
	PatientAdmitted       AuditType = "PATIENT_ADMITTED" // by staff who identified the person
	WalkInAdmitted        AuditType = "WALK_IN_ADMITTED"
	ProvisionalArrival    AuditType = "PROVISIONAL_ARRIVAL"
	StaffCalled           AuditType = "STAFF_CALLED"
	TicketPrinted         AuditType = "TICKET_PRINTED"
	TicketNotPrinted      AuditType = "TICKET_NOT_PRINTED"
	VitalsRecorded        AuditType = "VITALS_RECORDED"
	VitalsRefused         AuditType = "VITALS_REFUSED"     // of a live session, and cannot be: measured again
	VitalsQuarantined     AuditType = "VITALS_QUARANTINED" // of nobody that is known: not kept
	SessionEnded          AuditType = "SESSION_ENDED"

	QueueEntryAdded       AuditType = "QUEUE_ENTRY_ADDED"
	QueueStatusChanged    AuditType = "QUEUE_STATUS_CHANGED"
	QueueEntryRemoved     AuditType = "QUEUE_ENTRY_REMOVED"
	QueuePatientCalled    AuditType = "QUEUE_PATIENT_CALLED"
	QueuePriorityChanged  AuditType = "QUEUE_PRIORITY_CHANGED"
	QueueEntryTransferred AuditType = "QUEUE_ENTRY_TRANSFERRED"
	QueueEntryCorrected   AuditType = "QUEUE_ENTRY_CORRECTED"
	QueueEntryMatched     AuditType = "QUEUE_ENTRY_MATCHED"
	QueueNamesRead        AuditType = "QUEUE_NAMES_READ" // on a terminal, because somebody asked for them
	QueueActRefused       AuditType = "QUEUE_ACT_REFUSED"
	QueueConflict         AuditType = "QUEUE_CONFLICT"
	ProviderStatusChanged AuditType = "PROVIDER_STATUS_CHANGED"

	StaffLoggedIn     AuditType = "STAFF_LOGGED_IN"
	StaffLoginRefused AuditType = "STAFF_LOGIN_REFUSED"
	StaffLoggedOff    AuditType = "STAFF_LOGGED_OFF"
	StaffPINSet       AuditType = "STAFF_PIN_SET"
	BrowserPaired     AuditType = "DESK_BROWSER_PAIRED"
	PairingRefused    AuditType = "DESK_PAIRING_REFUSED"
	BrowserRevoked    AuditType = "DESK_BROWSER_REVOKED"
	DayListPrinted    AuditType = "DESK_DAY_LIST_PRINTED"

	RosterImported AuditType = "ROSTER_IMPORTED"
	RosterHeld     AuditType = "ROSTER_HELD" // not imported: a person is to decide
	RosterAccepted AuditType = "ROSTER_ACCEPTED"
	RosterRefused  AuditType = "ROSTER_REFUSED"

	ServiceStarted      AuditType = "SERVICE_STARTED"
	ServiceStopped      AuditType = "SERVICE_STOPPED"
	ConfigChanged       AuditType = "CONFIGURATION_CHANGED"
	DeviceAttached      AuditType = "DEVICE_ATTACHED"
	DeviceLost          AuditType = "DEVICE_LOST"
	DeviceTested        AuditType = "DEVICE_TESTED"
	DeviceReplaced      AuditType = "DEVICE_REPLACED"
	BundleMade          AuditType = "BUNDLE_MADE"
	CredentialMade      AuditType = "DEVICE_CREDENTIAL_MADE"
	CommandDone         AuditType = "DEVICE_COMMAND"
	CommandRefused      AuditType = "DEVICE_COMMAND_REFUSED"
	TechnicianAccess    AuditType = "TECHNICIAN_ACCESS"
	Repaired            AuditType = "TECHNICIAN_REPAIRED"
	DiagOpened          AuditType = "DIAG_OPENED"
	DiagRefused         AuditType = "DIAG_REFUSED"
	DiagClosed          AuditType = "DIAG_CLOSED"
	AccessRefused       AuditType = "ACCESS_REFUSED"
	BreakGlassOpened    AuditType = "BREAK_GLASS_OPENED" // a role was taken in an emergency
	BreakGlassUsed      AuditType = "BREAK_GLASS_USED"
	BreakGlassEnded     AuditType = "BREAK_GLASS_ENDED"
	KeyImported         AuditType = "KEY_IMPORTED"
	KeyRotated          AuditType = "KEY_ROTATED"
	ClockStepped        AuditType = "CLOCK_STEPPED"
	KioskDecommissioned AuditType = "KIOSK_DECOMMISSIONED"
	UpgradeStarted      AuditType = "UPGRADE_STARTED"
	UpgradeConfirmed    AuditType = "UPGRADE_CONFIRMED"
	UpgradeRolledBack   AuditType = "UPGRADE_ROLLED_BACK"
	UpgradeRefused      AuditType = "UPGRADE_REFUSED"
	StoreRecovered      AuditType = "STORE_RECOVERED"
	StoreBackedUp       AuditType = "STORE_BACKED_UP"
	StoreRestored       AuditType = "STORE_RESTORED"
	KioskReplaced       AuditType = "KIOSK_REPLACED" // another kiosk's unsent events were taken over
	KioskRetired        AuditType = "KIOSK_RETIRED"  // all of them were handled; nothing is signed as it any more
	MessageQuarantined  AuditType = "MESSAGE_QUARANTINED"
	MessageRefused      AuditType = "MESSAGE_REFUSED"
	SnapshotReplaced    AuditType = "SNAPSHOT_REPLACED"
)

// Severity is how much an audit event matters by itself.
type Severity string

const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// AuditKind is a row of the audit catalogue.
type AuditKind struct {
	Type     AuditType
	Severity Severity
	Resource string // what kind of thing the act is done to
}

// AuditCatalogue lists every audit event of this product.
func AuditCatalogue() []AuditKind {
	return []AuditKind{
		{PHIMessageSent, Info, "message"},
		{MessageFailed, Warning, "message"},
		{TokenGranted, Info, "token"},
		{ConsentGiven, Info, "consent"},
		{ConsentRevoked, Info, "consent"},
		{ConsentDeclined, Info, "consent"},
		{ConsentRead, Info, "patient"},
		{EmergencyTriggered, Critical, "emergency"},
		{EmergencyAcknowledged, Critical, "emergency"},
		{EmergencyResolved, Critical, "emergency"},
		{EmergencyWidened, Critical, "emergency"},
		{NotificationSent, Info, "notification"},
		{PatientIdentified, Info, "queue-entry"},
		{NeedsStated, Info, "queue-entry"},
		{IdentificationRefused, Warning, "session"},
		{CheckInAbandoned, Info, "queue-entry"},
		{PatientAdmitted, Info, "queue-entry"},
		{WalkInAdmitted, Info, "queue-entry"},
		{ProvisionalArrival, Warning, "queue-entry"},
		{StaffCalled, Warning, "queue-entry"},
		{TicketPrinted, Info, "queue-entry"},
		{TicketNotPrinted, Warning, "queue-entry"},
		{VitalsRecorded, Info, "queue-entry"},
		{VitalsRefused, Info, "queue-entry"},
		{VitalsQuarantined, Warning, "device"},
		{SessionEnded, Info, "session"},
		{QueueEntryAdded, Info, "queue-entry"},
		{QueueStatusChanged, Info, "queue-entry"},
		{QueueEntryRemoved, Info, "queue-entry"},
		{QueuePatientCalled, Info, "queue-entry"},
		{QueuePriorityChanged, Warning, "queue-entry"},
		{QueueEntryTransferred, Info, "queue-entry"},
		{QueueEntryCorrected, Warning, "queue-entry"},
		{QueueEntryMatched, Warning, "queue-entry"},
		{QueueNamesRead, Warning, "roster"},
		{QueueActRefused, Warning, "queue-entry"},
		{QueueConflict, Warning, "queue-entry"},
		{ProviderStatusChanged, Info, "provider"},
		{StaffLoggedIn, Info, "desk-browser"},
		{StaffLoginRefused, Warning, "desk-browser"},
		{StaffLoggedOff, Info, "desk-browser"},
		{StaffPINSet, Warning, "staff"},
		{BrowserPaired, Warning, "desk-browser"},
		{PairingRefused, Warning, "desk-browser"},
		{BrowserRevoked, Warning, "desk-browser"},
		{DayListPrinted, Warning, "roster"},
		{RosterImported, Info, "roster"},
		{RosterHeld, Warning, "roster"},
		{RosterAccepted, Warning, "roster"},
		{RosterRefused, Warning, "roster"},
		{ServiceStarted, Info, "service"},
		{ServiceStopped, Info, "service"},
		{ConfigChanged, Warning, "configuration"},
		{DeviceAttached, Info, "device"},
		{DeviceLost, Warning, "device"},
		{DeviceTested, Info, "device"},
		{DeviceReplaced, Warning, "device"},
		{BundleMade, Warning, "service"},
		{CredentialMade, Warning, "device"},
		{CommandDone, Info, "device"},
		{CommandRefused, Warning, "device"},
		{TechnicianAccess, Warning, "service"},
		{Repaired, Warning, "service"},
		{DiagOpened, Warning, "service"},
		{DiagRefused, Warning, "service"},
		{DiagClosed, Info, "service"},
		{AccessRefused, Warning, "service"},
		{BreakGlassOpened, Critical, "break-glass"},
		{BreakGlassUsed, Warning, "break-glass"},
		{BreakGlassEnded, Warning, "break-glass"},
		{KeyImported, Warning, "key"},
		{KeyRotated, Warning, "key"},
		{ClockStepped, Warning, "clock"},
		{UpgradeStarted, Warning, "program"},
		{UpgradeConfirmed, Info, "program"},
		{UpgradeRolledBack, Critical, "program"},
		{UpgradeRefused, Warning, "program"},
		{StoreRecovered, Critical, "store"},
		{StoreBackedUp, Info, "store"},
		{StoreRestored, Critical, "store"},
		{KioskReplaced, Critical, "kiosk"},
		{KioskRetired, Critical, "kiosk"},
		{KioskDecommissioned, Critical, "kiosk"},
		{MessageQuarantined, Critical, "message"},
		{MessageRefused, Warning, "message"},
		{SnapshotReplaced, Warning, "snapshot"},
	}
}

// auditKind gives the catalogue's row; a type that is not in it is a mistake in
// this program.
func auditKind(t AuditType) AuditKind {
	list := AuditCatalogue()
	i := slices.IndexFunc(list, func(k AuditKind) bool { return k.Type == t })
	if i < 0 {
		panic("audit event " + string(t) + " is not in the catalogue")
	}
	return list[i]
}

// Outcome words of audit events.
const (
	OutcomeSuccess = "success"
	OutcomeRefused = "refused"
	OutcomeFailure = "failure"
)

// AuditFacts is what an audit event says beyond its row of the catalogue. All of
// it is references and fixed words: never a name, a date of birth, a result, or
// free text.
type AuditFacts struct {
	Action     string // fixed word, as in "checked-in to waiting"
	Outcome    string // empty: OutcomeSuccess
	Resource   string // id of the thing
	Channel    string // channel of the message that the act made, if any
	Session    string
	ConsentRef string
	Address    string    // network address of the caller, where there is one
	Happened   time.Time // of an act that is recorded later than it was done
}

// NewAudit builds an audit event in the published shape. It panics when t is not
// in the catalogue.
func NewAudit(id uuid.UUID, t AuditType, at time.Time, organization OrganizationID, actor Actor, f AuditFacts) AuditEvent {
	kind := auditKind(t)
	return AuditEvent{
		ID: id, Timestamp: At(at), EventType: t, Severity: kind.Severity, OrganizationID: organization,
		Actor:    AuditActor{UserID: actor.ID, Role: string(actor.Kind), IPAddress: f.Address},
		Resource: AuditResource{Type: kind.Resource, ID: f.Resource, Channel: f.Channel},
		Action:   f.Action, Outcome: cmp.Or(f.Outcome, OutcomeSuccess),
		Metadata: AuditMetadata{SessionID: f.Session, ConsentRef: f.ConsentRef, HappenedAt: At(f.Happened)},
	}
}

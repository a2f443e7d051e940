package kiosk

import (
	"encoding/json"
	"slices"
	"time"

	"clinicgate/storage"
)

// Publishers says who may publish an event, as a set.
type Publishers uint8

const (
	ByKiosk     Publishers = 1 << iota // a listed kiosk, signed
	ByAuthority                        // the clinic's server, signed
	ByProvider                         // a provider's own app, unsigned and bound to its user id
)

// Data key classes: what is sealed, rotated and erased together.
const (
	queueClass     = "queue"
	consentClass   = "consent"
	auditClass     = "audit"
	telemetryClass = "telemetry"
	clinicalClass  = "clinical" // what was measured of a patient
	rosterClass    = "roster"
)

// Definition is a row of the event registry: one kind of event.
type Definition struct {
	Name          string // kind in the store: family and type, as in "queue/PATIENT_ADDED"
	Family        Family // of the channel that carries it
	Type          string // value of the discriminator; empty: any (audit events)
	Discriminator string // member that tells the type: "action", "type" or "eventType"
	Class         string // data key class
	Lane          storage.Lane
	Publishers    Publishers
	Retain        storage.Retention // of this kiosk's own copy; PubNub and the outside sink keep longer
	Droppable     bool              // telemetry: may be dropped under byte pressure, with a gap record
	Priority      bool              // still accepted when the store is almost full
	Audit         []AuditType       // audit events that go with it; with more than one, the act says which
}

const (
	day        = 24 * time.Hour
	queueKept  = 30 * day
	noticeKept = 90 * day
	recordKept = 400 * day // consents, escalations and audit: a year and a bit here, seven years outside
	rosterKept = 2 * day   // names do not outlive the clinic day by more than the sync needs
	// healthKept is for all of the device channel but the heartbeat: a stream is cut
	// from its front, so what is kept longest keeps everything behind it.
	healthKept = 7 * day
	vitalsKept = 7 * day // long enough for a clinic's system to be mended; nobody reads it here

	// signatureKept is seven years: of a signature there is no other copy.
	signatureKept = 7*365*day + 2*day
)

// What signers typed or drew is kept in a stream that is never published, so that it
// is no row of the registry: nobody may send one.
const (
	SignatureKind   = "signature/GIVEN"
	SignatureStream = "signatures"
)

// Definitions lists every kind of event that this product writes or believes.
func Definitions() []Definition {
	queue := func(name string, by Publishers, audit AuditType) Definition {
		return Definition{Family: QueueFamily, Type: name, Discriminator: "action", Class: queueClass, Lane: storage.LaneQueue,
			Publishers: by, Retain: storage.Retention{Age: queueKept}, Priority: true, Audit: []AuditType{audit}}
	}
	notification := func(name string, by Publishers) Definition {
		return Definition{Family: NotificationFamily, Type: name, Discriminator: "type", Class: queueClass, Lane: storage.LaneNotification,
			Publishers: by, Retain: storage.Retention{Age: noticeKept}, Priority: true, Audit: []AuditType{NotificationSent}}
	}
	telemetry := func(name string, kept time.Duration) Definition {
		return Definition{Family: DeviceFamily, Type: name, Discriminator: "type", Class: telemetryClass, Lane: storage.LaneTelemetry,
			Publishers: ByKiosk, Retain: storage.Retention{Age: kept}}
	}
	signed := ByKiosk | ByAuthority
	record := storage.Retention{Age: recordKept, NeedsReceipt: true}

	health := telemetry("DEVICE_HEALTH", healthKept)
	health.Droppable = true
	heartbeat := telemetry("HEARTBEAT", time.Hour)
	heartbeat.Droppable = true
	gap := telemetry("GAP", healthKept)
	gap.Priority = true
	clock := telemetry("CLOCK_CORRECTED", healthKept)
	clock.Priority, clock.Audit = true, []AuditType{ClockStepped}
	// A patient's own: it stands in the stream of what may be dropped, and may not.
	// The lane is that of the channel's stream.
	vitals := telemetry("VITALS", vitalsKept)
	vitals.Class, vitals.Priority, vitals.Audit = clinicalClass, true, []AuditType{VitalsRecorded}

	list := []Definition{
		queue("PATIENT_ADDED", signed, QueueEntryAdded),
		queue("STATUS_UPDATED", signed|ByProvider, QueueStatusChanged),
		queue("PATIENT_REMOVED", signed, QueueEntryRemoved),
		queue("CALLED", signed|ByProvider, QueuePatientCalled),
		queue("PRIORITY_CHANGED", signed, QueuePriorityChanged),
		queue("TRANSFERRED", signed, QueueEntryTransferred),
		queue("MATCHED", signed, QueueEntryMatched),
		queue("CORRECTED", signed, QueueEntryCorrected),
		queue("PROVIDER_STATUS", signed|ByProvider, ProviderStatusChanged),

		{Family: WaitingRoomFamily, Type: "PATIENT_CHECKED_IN", Discriminator: "action", Class: queueClass, Lane: storage.LaneNotification,
			Publishers: signed, Retain: storage.Retention{Age: noticeKept}, Priority: true, Audit: []AuditType{PHIMessageSent}},

		notification("PATIENT_READY", signed),
		notification("PROVIDER_READY", signed|ByProvider),

		{Family: EmergencyFamily, Type: "EMERGENCY_ESCALATION", Discriminator: "action", Class: queueClass, Lane: storage.LaneEmergency,
			Publishers: signed | ByProvider, Retain: record, Priority: true,
			Audit: []AuditType{EmergencyTriggered, EmergencyWidened, EmergencyAcknowledged, EmergencyResolved}},

		{Family: ConsentFamily, Type: "CONSENT_RECORDED", Discriminator: "type", Class: consentClass, Lane: storage.LaneConsent,
			Publishers: signed, Retain: record, Priority: true,
			Audit: []AuditType{ConsentGiven, ConsentDeclined, ConsentRevoked}},

		{Family: AuditFamily, Discriminator: "eventType", Class: auditClass, Lane: storage.LaneAudit,
			Publishers: signed, Retain: record, Priority: true},
		{Family: AuditFamily, Type: "AUDIT_CHECKPOINT", Discriminator: "type", Class: auditClass, Lane: storage.LaneAudit,
			Publishers: signed, Retain: record, Priority: true},

		{Family: RosterFamily, Type: "ROSTER", Discriminator: "type", Class: rosterClass, Lane: storage.LaneQueue,
			Publishers: signed, Retain: storage.Retention{Age: rosterKept}},
		{Family: RosterFamily, Type: "ROSTER_PERSON", Discriminator: "type", Class: rosterClass, Lane: storage.LaneQueue,
			Publishers: signed, Retain: storage.Retention{Age: rosterKept}, Priority: true}, // goes with an arrival

		health, vitals, gap, clock, heartbeat,

		{Family: KioskFamily, Type: "COMMAND", Discriminator: "type", Class: queueClass, Lane: storage.LaneQueue,
			Publishers: ByAuthority, Retain: storage.Retention{Age: queueKept}},
	}
	for i := range list {
		name := list[i].Type
		if name == "" {
			name = "EVENT"
		}
		list[i].Name = string(list[i].Family) + "/" + name
	}
	return list
}

// siteFamilies are what the kiosks of a site need of each other to agree while
// there is no PubNub: the queue itself; calls for help; consents, which the entry
// shows; who a walk-in is, with the list of appointments; and of a kiosk its
// heartbeat (whose timers are whose), corrections of its clock (the order of the
// queue hangs on them) and gaps (what will not come). A channel goes as a whole,
// since its sequence does. Audit and notifications are for others than kiosks;
// commands come from PubNub only.
var siteFamilies = []Family{QueueFamily, EmergencyFamily, ConsentFamily, RosterFamily, DeviceFamily}

// Site reports whether the kiosks of a site exchange what a channel carries.
func (c Channel) Site() bool { return slices.Contains(siteFamilies, c.Family) }

// registry holds the table by name and is not changed after it is made.
var registry = Definitions()

// Kinds gives the registry as the store needs it, and what is kept here only.
func Kinds() []storage.Kind {
	kinds := make([]storage.Kind, len(registry), len(registry)+1)
	for i, d := range registry {
		kinds[i] = storage.Kind{Name: d.Name, KeyClass: d.Class, Lane: d.Lane,
			Droppable: d.Droppable, Priority: d.Priority, Retain: d.Retain}
	}
	return append(kinds, storage.Kind{Name: SignatureKind, KeyClass: consentClass, Lane: storage.LaneConsent, Local: true, Priority: true,
		Retain: storage.Retention{Age: signatureKept}})
}

// Defined gives the row of a kind by its name, as in "queue/PATIENT_ADDED".
func Defined(name string) (Definition, bool) {
	i := slices.IndexFunc(registry, func(d Definition) bool { return d.Name == name })
	if i < 0 {
		return Definition{}, false
	}
	return registry[i], true
}

// DefinitionFor finds the row for a message body on a channel. It reports false
// when the registry has none: nobody may say that there.
func DefinitionFor(channel string, body []byte) (Definition, bool) {
	c, ok := ParseChannel(channel)
	if !ok {
		return Definition{}, false
	}
	var told struct {
		Action    string `json:"action"`
		Type      string `json:"type"`
		EventType string `json:"eventType"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return Definition{}, false
	}
	for _, d := range registry {
		if d.Family != c.Family {
			continue
		}
		var value string
		switch d.Discriminator {
		case "action":
			value = told.Action
		case "type":
			value = told.Type
		case "eventType":
			value = told.EventType
		}
		if value != "" && (value == d.Type || d.Type == "") {
			return d, true
		}
	}
	return Definition{}, false
}

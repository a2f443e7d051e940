package kiosk

import "strings"

// Family is the kind of channel: what stands before the ids in its name.
type Family string

const (
	QueueFamily        Family = "queue"
	WaitingRoomFamily  Family = "waiting-room"
	ConsultationFamily Family = "consultation"
	VideoFamily        Family = "consultation.video" // signalling; never stored
	FilesFamily        Family = "consultation.files"
	NotificationFamily Family = "notification"
	PresenceFamily     Family = "presence.providers"
	EmergencyFamily    Family = "emergency"
	AuditFamily        Family = "audit"
	ConsentFamily      Family = "consent"
	RosterFamily       Family = "roster"
	DeviceFamily       Family = "device"
	KioskFamily        Family = "kiosk"
)

// QueueChannel carries a department's queue.
func QueueChannel(d DepartmentID) string { return "queue." + string(d) }

// WaitingRoomChannel carries the arrivals for one provider.
func WaitingRoomChannel(p ProviderID) string { return "waiting-room." + string(p) }

// ConsultationChannel carries one consultation's messages.
func ConsultationChannel(p ProviderID, r PatientRef) string {
	return "consultation." + string(p) + "." + string(r)
}

// VideoChannel carries one consultation's signalling.
func VideoChannel(p ProviderID, r PatientRef) string { return ConsultationChannel(p, r) + ".video" }

// FilesChannel carries one consultation's files.
func FilesChannel(p ProviderID, r PatientRef) string { return ConsultationChannel(p, r) + ".files" }

// ProviderNotificationChannel carries a provider's notifications.
func ProviderNotificationChannel(p ProviderID) string { return "notification." + string(p) }

// PatientNotificationChannel carries a patient's notifications.
func PatientNotificationChannel(r PatientRef) string { return "notification." + string(r) }

// PresenceChannel carries the availability of a department's providers.
func PresenceChannel(d DepartmentID) string { return "presence.providers." + string(d) }

// EmergencyChannel carries a department's escalations.
func EmergencyChannel(d DepartmentID) string { return "emergency." + string(d) }

// AuditChannel carries audit events and checkpoints.
func AuditChannel(o OrganizationID) string { return "audit." + string(o) }

// ConsentChannel carries consent records.
func ConsentChannel(o OrganizationID) string { return "consent." + string(o) }

// RosterChannel carries a department's appointment lists.
func RosterChannel(d DepartmentID) string { return "roster." + string(d) }

// DeviceChannel carries a kiosk's health, gap records, clock corrections and
// heartbeat.
func DeviceChannel(k KioskID) string { return "device." + string(k) }

// CommandChannel carries signed commands to one kiosk.
func CommandChannel(k KioskID) string { return "kiosk." + string(k) }

// Channel is a channel name taken apart. Only the ids that its family has are
// set.
type Channel struct {
	Family       Family
	Department   DepartmentID
	Provider     ProviderID
	Patient      PatientRef
	Organization OrganizationID
	Kiosk        KioskID
}

// ParseChannel takes a channel name apart. It reports false for a name that no
// function of this file gives.
func ParseChannel(name string) (Channel, bool) {
	family, rest, ok := strings.Cut(name, ".")
	if !ok {
		return Channel{}, false
	}
	c := Channel{Family: Family(family)}
	switch c.Family {
	case QueueFamily, EmergencyFamily, RosterFamily:
		c.Department = DepartmentID(rest)
		return c, c.Department.Validate() == nil
	case WaitingRoomFamily:
		c.Provider = ProviderID(rest)
		return c, c.Provider.Validate() == nil
	case AuditFamily, ConsentFamily:
		c.Organization = OrganizationID(rest)
		return c, c.Organization.Validate() == nil
	case DeviceFamily, KioskFamily:
		c.Kiosk = KioskID(rest)
		return c, c.Kiosk.Validate() == nil
	case NotificationFamily:
		if r := PatientRef(rest); r.Validate() == nil {
			c.Patient = r
			return c, true
		}
		c.Provider = ProviderID(rest)
		return c, c.Provider.Validate() == nil
	case ConsultationFamily:
		return parseConsultation(c, rest)
	case "presence":
		d, ok := strings.CutPrefix(rest, "providers.")
		c.Family, c.Department = PresenceFamily, DepartmentID(d)
		return c, ok && c.Department.Validate() == nil
	}
	return Channel{}, false
}

func parseConsultation(c Channel, rest string) (Channel, bool) {
	parts := strings.Split(rest, ".")
	switch {
	case len(parts) == 3 && parts[2] == "video":
		c.Family = VideoFamily
	case len(parts) == 3 && parts[2] == "files":
		c.Family = FilesFamily
	case len(parts) != 2:
		return Channel{}, false
	}
	c.Provider, c.Patient = ProviderID(parts[0]), PatientRef(parts[1])
	return c, c.Provider.Validate() == nil && c.Patient.Validate() == nil
}

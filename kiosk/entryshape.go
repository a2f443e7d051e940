package kiosk

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// EntryShape is an entry as it travels.
type EntryShape struct {
	ID                   EntryID       `json:"id"`
	PatientID            PatientRef    `json:"patientId"`
	AppointmentID        AppointmentID `json:"appointmentId,omitempty"`
	ProviderID           ProviderID    `json:"providerId,omitempty"`
	DepartmentID         DepartmentID  `json:"departmentId"`
	Status               Status        `json:"status"`
	Priority             Priority      `json:"priority"`
	CheckInTime          Timestamp     `json:"checkInTime"`
	EstimatedWaitMinutes int           `json:"estimatedWaitMinutes,omitempty"`
	Metadata             MetadataShape `json:"metadata"`
}

// MetadataShape is an entry's metadata as it travels.
type MetadataShape struct {
	ConsentGiven      bool      `json:"consentGiven"`
	ConsentTimestamp  Timestamp `json:"consentTimestamp,omitzero"`
	DeviceReady       bool      `json:"deviceReady"`
	InterpreterNeeded bool      `json:"interpreterNeeded"`
	Ticket            string    `json:"ticket"`
	Room              string    `json:"room,omitempty"`
	Day               Day       `json:"day"`
	OrderAt           Timestamp `json:"orderAt"`
	AppointmentTime   Timestamp `json:"appointmentTime,omitzero"`
	Mode              Mode      `json:"mode"`
	Language          string    `json:"language,omitempty"`
	Reason            string    `json:"reason,omitempty"`
	Needs             []Need    `json:"needs,omitempty"`
	Flags             []Flag    `json:"flags,omitempty"`
}

// Shape gives the entry as it travels.
func (e Entry) Shape() EntryShape {
	m := e.Metadata
	return EntryShape{
		ID: e.ID, PatientID: e.Patient, AppointmentID: e.Appointment, ProviderID: e.Provider,
		DepartmentID: e.Department, Status: e.Status, Priority: e.Priority, CheckInTime: At(e.CheckInTime),
		EstimatedWaitMinutes: int(math.Ceil(e.EstimatedWait.Minutes())),
		Metadata: MetadataShape{
			ConsentGiven: m.ConsentGiven, ConsentTimestamp: At(m.ConsentTimestamp), DeviceReady: m.DeviceReady,
			InterpreterNeeded: m.InterpreterNeeded, Ticket: m.Ticket, Room: m.Room, Day: m.Day, OrderAt: At(m.OrderAt),
			AppointmentTime: At(m.AppointmentTime), Mode: m.Mode, Language: m.Language, Reason: m.Reason, Needs: m.Needs, Flags: m.Flags,
		},
	}
}

const (
	maxText = 40 // of a ticket, a room, a language tag, a need, a flag
	maxList = 16
)

// Entry gives the domain form, or says what is wrong with a received shape.
// The error names the member, never its value.
func (s EntryShape) Entry() (Entry, error) {
	if err := s.validate(); err != nil {
		return Entry{}, err
	}
	m := s.Metadata
	return Entry{
		ID: s.ID, Patient: s.PatientID, Appointment: s.AppointmentID, Provider: s.ProviderID,
		Department: s.DepartmentID, Status: s.Status, Priority: s.Priority, CheckInTime: s.CheckInTime.Time,
		EstimatedWait: time.Duration(s.EstimatedWaitMinutes) * time.Minute,
		Metadata: Metadata{
			ConsentGiven: m.ConsentGiven, ConsentTimestamp: m.ConsentTimestamp.Time, DeviceReady: m.DeviceReady,
			InterpreterNeeded: m.InterpreterNeeded, Ticket: m.Ticket, Room: m.Room, Day: m.Day, OrderAt: m.OrderAt.Time,
			AppointmentTime: m.AppointmentTime.Time, Mode: m.Mode, Language: m.Language, Reason: m.Reason, Needs: m.Needs, Flags: m.Flags,
		},
	}, nil
}

func (s EntryShape) validate() error {
	m := s.Metadata
	checks := []struct {
		member string
		ok     bool
	}{
		{"id", !s.ID.IsZero()},
		{"patientId", s.PatientID.Validate() == nil},
		{"appointmentId", s.AppointmentID == "" || s.AppointmentID.Validate() == nil},
		{"providerId", s.ProviderID == "" || s.ProviderID.Validate() == nil},
		{"departmentId", s.DepartmentID.Validate() == nil},
		{"status", s.Status.Valid()},
		{"priority", s.Priority.Valid()},
		{"checkInTime", !s.CheckInTime.IsZero()},
		{"estimatedWaitMinutes", s.EstimatedWaitMinutes >= 0 && s.EstimatedWaitMinutes <= 24*60},
		{"metadata.ticket", len(m.Ticket) <= maxText},
		{"metadata.room", len(m.Room) <= maxText},
		{"metadata.day", m.Day.Valid()},
		{"metadata.orderAt", !m.OrderAt.IsZero()},
		{"metadata.mode", m.Mode.Valid()},
		{"metadata.language", len(m.Language) <= maxText},
		{"metadata.reason", m.Reason == "" || validID(m.Reason) == nil},
		{"metadata.needs", len(m.Needs) <= maxList},
		{"metadata.flags", len(m.Flags) <= maxList},
	}
	for _, c := range checks {
		if !c.ok {
			return fmt.Errorf("queue entry has a bad %s", c.member)
		}
	}
	for _, n := range m.Needs {
		if len(n) > maxText {
			return errors.New("queue entry has a bad metadata.needs")
		}
	}
	for _, f := range m.Flags {
		if len(f) > maxText {
			return errors.New("queue entry has a bad metadata.flags")
		}
	}
	return nil
}

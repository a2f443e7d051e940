package kiosk

import (
	"encoding/json"
	"errors"

	"github.com/google/uuid"
)

// Vitals carries one vital sign of a patient who stood at a kiosk. It travels on
// device channels.
type Vitals struct {
	Type        string      `json:"type"`
	Observation Observation `json:"observation"`
	Timestamp   Timestamp   `json:"timestamp"` // when it was recorded; Observation says when it was measured
}

// Observation is a FHIR R4 Observation of the category vital-signs, with the
// members that a kiosk can fill. Status is "preliminary": nobody who may judge it
// has looked at it. Subject and encounter are the opaque reference and the queue
// entry; nothing says who the patient is.
type Observation struct {
	ResourceType string          `json:"resourceType"`
	ID           uuid.UUID       `json:"id"`
	Status       string          `json:"status"`
	Category     []Concept       `json:"category"`
	Code         Concept         `json:"code"`
	Subject      Reference       `json:"subject"`
	Encounter    Reference       `json:"encounter"`
	Effective    Timestamp       `json:"effectiveDateTime"`
	Device       Reference       `json:"device"`
	Value        *Quantity       `json:"valueQuantity,omitempty"`
	Component    []ObservedValue `json:"component,omitempty"` // of a panel, in place of Value
}

// The parts of an Observation, as FHIR has them.
type (
	// Concept is a CodeableConcept.
	Concept struct {
		Coding []Coding `json:"coding"`
	}
	// Coding is a code of a system.
	Coding struct {
		System string `json:"system"`
		Code   string `json:"code"`
	}
	// Reference names something of the clinic's: by the reference of a resource, or
	// by an identifier.
	Reference struct {
		Reference  string      `json:"reference,omitempty"`
		Identifier *Identifier `json:"identifier,omitempty"`
	}
	// Identifier is an id in a system; the kiosk's own have none.
	Identifier struct {
		System string `json:"system,omitempty"`
		Value  string `json:"value"`
	}
	// Quantity is a number and its unit by UCUM. FHIR's decimals are JSON numbers, in
	// which 37.00 and 37 are the same, so that Extension tells the places.
	Quantity struct {
		Extension []Extension `json:"extension,omitempty"`
		Value     json.Number `json:"value"`
		Unit      string      `json:"unit"`
		System    string      `json:"system"`
		Code      string      `json:"code"`
	}
	// Extension is one with a whole number.
	Extension struct {
		URL   string `json:"url"`
		Value int    `json:"valueInteger"`
	}
	// ObservedValue is a component.
	ObservedValue struct {
		Code  Concept  `json:"code"`
		Value Quantity `json:"valueQuantity"`
	}
)

// The systems of FHIR.
const (
	loincSystem    = "http://loinc.org"
	ucumSystem     = "http://unitsofmeasure.org"
	categorySystem = "http://terminology.hl7.org/CodeSystem/observation-category"
	precisionURL   = "http://hl7.org/fhir/StructureDefinition/quantity-precision"
	uriSystem      = "urn:ietf:rfc:3986"
)

// Measured is a number of a vital sign, in the clinic's words.
type Measured struct {
	LOINC  []string // the first is the sign's
	Number string   // a decimal
	Places int      // with which it was measured
	Unit   string   // UCUM
}

// NewObservation makes the Observation of one measurement. Parts are those of the
// panel whose code is in panel; without a panel there is one. It fails when there
// are not as many as that, or a number is none.
func NewObservation(id uuid.UUID, panel []string, parts []Measured, patient PatientRef, entry EntryID, k KioskID, device string, at Timestamp) (Observation, error) {
	o := Observation{
		ResourceType: "Observation", ID: id, Status: "preliminary",
		Category:  []Concept{{[]Coding{{categorySystem, "vital-signs"}}}},
		Subject:   Reference{Reference: "Patient/" + string(patient)},
		Encounter: Reference{Identifier: &Identifier{uriSystem, "urn:uuid:" + entry.String()}},
		Effective: at,
		Device:    Reference{Identifier: &Identifier{Value: string(k) + "/" + device}},
	}
	for _, m := range parts {
		q := Quantity{Value: json.Number(m.Number), Unit: m.Unit, System: ucumSystem, Code: m.Unit}
		if !json.Valid([]byte(m.Number)) || len(m.LOINC) == 0 || m.Unit == "" {
			return Observation{}, errObservation
		}
		if m.Places > 0 {
			q.Extension = []Extension{{precisionURL, m.Places}}
		}
		o.Component = append(o.Component, ObservedValue{loinc(m.LOINC), q})
	}
	switch {
	case len(panel) > 0 && len(parts) > 1:
		o.Code = loinc(panel)
	case len(panel) == 0 && len(parts) == 1:
		o.Code, o.Value, o.Component = o.Component[0].Code, &o.Component[0].Value, nil
	default:
		return Observation{}, errObservation
	}
	return o, nil
}

var errObservation = errors.New("a measurement is not whole")

func loinc(codes []string) (c Concept) {
	for _, code := range codes {
		c.Coding = append(c.Coding, Coding{loincSystem, code})
	}
	return c
}

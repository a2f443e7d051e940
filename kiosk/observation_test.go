package kiosk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func observation(t *testing.T, panel []string, parts ...kiosk.Measured) kiosk.Vitals {
	t.Helper()
	at := kiosk.At(time.Date(2026, 11, 22, 14, 3, 5, 123e6, time.UTC))
	o, err := kiosk.NewObservation(uuid.MustParse("01890a5d-ac96-8b2f-8a1c-0123456789ab"), panel, parts, kiosk.NewPatientRef(refKey, phi.New("MRN-0001")),
		kiosk.NewEntryID(refKey, "apt-1", "2026-11-22"), "lobby-1", "station-1", at)
	if err != nil {
		t.Fatal(err)
	}
	return kiosk.Vitals{Type: "VITALS", Observation: o, Timestamp: at}
}

var (
	systolic  = kiosk.Measured{LOINC: []string{"8480-6"}, Number: "122", Unit: "mm[Hg]"}
	diastolic = kiosk.Measured{LOINC: []string{"8462-4"}, Number: "78.0", Places: 1, Unit: "mm[Hg]"}
	saturated = kiosk.Measured{LOINC: []string{"2708-6", "59408-5"}, Number: "98", Unit: "%"}
)

// The golden files are what other apps read: change them only with the vocabulary.
func TestVitalsGolden(t *testing.T) {
	def, _ := kiosk.Defined("device/VITALS")
	for name, v := range map[string]kiosk.Vitals{
		"vitals_pressure.json": observation(t, []string{"85354-9"}, systolic, diastolic),
		"vitals.json":          observation(t, nil, saturated),
	} {
		e, err := kiosk.NewEvent(def, "device.lobby-1", v)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, append(e.Body, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), string(e.Body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		back, err := kiosk.Decode(def, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := kiosk.NewEvent(def, "device.lobby-1", back); err != nil || string(again.Body) != string(e.Body) {
			t.Errorf("%s does not come back: %v", name, err)
		}
	}
}

func TestObservationIsWhole(t *testing.T) {
	make := func(panel []string, parts ...kiosk.Measured) error {
		_, err := kiosk.NewObservation(uuid.New(), panel, parts, "p-x", kiosk.EntryID{}, "lobby-1", "cuff-1", kiosk.Timestamp{})
		return err
	}
	for name, err := range map[string]error{
		"nothing":            make(nil),
		"two and no panel":   make(nil, systolic, diastolic),
		"half a panel":       make([]string{"85354-9"}, systolic),
		"no number":          make(nil, kiosk.Measured{LOINC: []string{"8480-6"}, Unit: "%"}),
		"a number as no one": make(nil, kiosk.Measured{LOINC: []string{"8480-6"}, Number: "07", Unit: "%"}),
		"no code":            make(nil, kiosk.Measured{Number: "7", Unit: "%"}),
		"no unit":            make(nil, kiosk.Measured{LOINC: []string{"8480-6"}, Number: "7"}),
	} {
		if err == nil {
			t.Errorf("%s is an observation", name)
		}
	}
}

// A vital sign is a patient's: it is not given up for space, and it is not sealed
// together with what is.
func TestVitalsAreNoTelemetry(t *testing.T) {
	vitals, _ := kiosk.Defined("device/VITALS")
	health, _ := kiosk.Defined("device/DEVICE_HEALTH")
	if vitals.Droppable || !vitals.Priority || vitals.Class == health.Class || vitals.Publishers != kiosk.ByKiosk {
		t.Errorf("%+v", vitals)
	}
}

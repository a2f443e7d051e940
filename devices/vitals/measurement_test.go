package vitals_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/devices/vitals"
	"clinicgate/kiosk/phi"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func one(kind vitals.Kind, value string, unit vitals.Unit) vitals.Reading {
	return vitals.Reading{Device: "station-1", Kind: kind, Value: phi.New(value), Unit: unit, At: noon}
}

func pressure(systolic, diastolic string, unit vitals.Unit) vitals.Reading {
	return vitals.Reading{Device: "cuff-1", Kind: vitals.BloodPressure, Unit: unit, At: noon,
		Values: map[vitals.Kind]phi.Text{vitals.Systolic: phi.New(systolic), vitals.Diastolic: phi.New(diastolic)}}
}

// told is a measurement in one line.
func told(m vitals.Measurement) string {
	var parts []string
	for _, v := range m.Values {
		parts = append(parts, fmt.Sprintf("%s=%s(%d) %s", v.Kind, v.Number.Reveal(), v.Places, v.Unit))
	}
	return strings.Join(append(parts, m.Shown.Reveal(), m.ShownUnit), " ")
}

func TestMeasurement(t *testing.T) {
	for _, tt := range []struct {
		reading vitals.Reading
		want    string
	}{
		{pressure("122", "78", "mm[Hg]"), "systolic=122(0) mm[Hg] diastolic=78(0) mm[Hg] 122/78 mmHg"},
		{one(vitals.BloodPressure, "122/78", "mm[Hg]"), "systolic=122(0) mm[Hg] diastolic=78(0) mm[Hg] 122/78 mmHg"},
		{pressure("16.0", "10.4", "kPa"), "systolic=120.0(1) mm[Hg] diastolic=78.0(1) mm[Hg] 16.0/10.4 kPa"},
		{one(vitals.HeartRate, "71", "/min"), "heart-rate=71(0) /min 71 /min"},
		{one(vitals.OxygenSaturation, "98", "%"), "oxygen-saturation=98(0) % 98 %"},
		{one(vitals.Temperature, "98.6", "[degF]"), "temperature=37.00(2) Cel 98.6 °F"},
		{one(vitals.Weight, "81.40", "kg"), "weight=81.40(2) kg 81.40 kg"},
		{one(vitals.Height, "70", "[in_i]"), "height=178(0) cm 70 in"},
		{one(vitals.Respiration, "14", "/min"), "respiration=14(0) /min 14 /min"},
	} {
		m, why := vitals.Measure(tt.reading, noon)
		if why != "" || told(m) != tt.want {
			t.Errorf("%s: %q, want %q (%s)", tt.reading.Kind, told(m), tt.want, why)
		}
		if text := fmt.Sprintf("%v %+v %#v", m, tt.reading, m); strings.Contains(text, tt.reading.Value.Reveal()) && !tt.reading.Value.IsZero() || strings.Contains(text, m.Shown.Reveal()) {
			t.Errorf("%s prints its value", tt.reading.Kind)
		}
	}
}

// TestLimits tries each end of each range, in the sign's own unit: the end is
// taken, one step beyond is not.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		kind                         vitals.Kind
		below, lowest, highest, over string
	}{
		{vitals.HeartRate, "19", "20", "250", "251"},
		{vitals.OxygenSaturation, "49.9", "50", "100", "100.1"},
		{vitals.Temperature, "29.9", "30.0", "43.0", "43.1"},
		{vitals.Weight, "0.99", "1.00", "400", "400.01"},
		{vitals.Height, "29", "30", "250", "250.1"},
		{vitals.Respiration, "3", "4", "80", "81"},
	} {
		unit := tt.kind.Units()[0]
		for value, want := range map[string]vitals.Reason{tt.below: vitals.Implausible, tt.lowest: "", tt.highest: "", tt.over: vitals.Implausible, "-" + tt.lowest: vitals.Implausible} {
			if _, why := vitals.Measure(one(tt.kind, value, unit), noon); why != want {
				t.Errorf("%s of %s: %q, want %q", tt.kind, value, why, want)
			}
		}
	}
	for _, tt := range []struct {
		systolic, diastolic string
		want                vitals.Reason
	}{
		{"50", "20", ""}, {"260", "160", ""}, {"261", "90", vitals.Implausible}, {"49", "20", vitals.Implausible},
		{"120", "161", vitals.Implausible}, {"120", "19", vitals.Implausible},
		{"120", "120", vitals.NotAbove}, {"120.0", "120", vitals.NotAbove}, {"80", "120", vitals.NotAbove}, {"81", "80", ""},
	} {
		if _, why := vitals.Measure(pressure(tt.systolic, tt.diastolic, "mm[Hg]"), noon); why != tt.want {
			t.Errorf("%s over %s: %q, want %q", tt.systolic, tt.diastolic, why, tt.want)
		}
	}
}

func TestRefusedReadings(t *testing.T) {
	half := pressure("120", "80", "mm[Hg]")
	delete(half.Values, vitals.Diastolic)
	other := pressure("120", "80", "mm[Hg]")
	delete(other.Values, vitals.Diastolic)
	other.Values["mean"] = phi.New("93")
	more := pressure("120", "80", "mm[Hg]")
	more.Values["mean"] = phi.New("93")
	both := one(vitals.Weight, "80", "kg")
	both.Values = map[vitals.Kind]phi.Text{vitals.Weight: phi.New("80")}
	at := func(off time.Duration) vitals.Reading {
		r := one(vitals.Weight, "80", "kg")
		r.At = noon.Add(off)
		return r
	}
	for name, tt := range map[string]struct {
		reading vitals.Reading
		want    vitals.Reason
		again   bool
	}{
		"kind":            {one("pain", "7", "1"), vitals.UnknownKind, false},
		"a part alone":    {one(vitals.Systolic, "120", "mm[Hg]"), vitals.UnknownKind, false},
		"no kind":         {one("", "7", "kg"), vitals.UnknownKind, false},
		"unit":            {one(vitals.Weight, "80", "stone"), vitals.UnknownUnit, false},
		"no unit":         {one(vitals.Weight, "80", ""), vitals.UnknownUnit, false},
		"unit of another": {one(vitals.Weight, "80", "cm"), vitals.UnknownUnit, false},
		"unit's case":     {one(vitals.Weight, "80", "KG"), vitals.UnknownUnit, false},
		"number":          {one(vitals.Weight, "80,5", "kg"), vitals.NotANumber, false},
		"no number":       {one(vitals.Weight, "", "kg"), vitals.NotWhole, false},
		"half a pressure": {half, vitals.NotWhole, false},
		"mean instead":    {other, vitals.NotWhole, false},
		"mean too":        {more, vitals.NotWhole, false},
		"one and several": {both, vitals.NotWhole, false},
		"pressure as one": {one(vitals.BloodPressure, "120", "mm[Hg]"), vitals.NotWhole, false},
		"three in one":    {one(vitals.BloodPressure, "122/93/78", "mm[Hg]"), vitals.NotANumber, false},
		"two of a weight": {one(vitals.Weight, "80/81", "kg"), vitals.NotANumber, false},
		"five minutes":    {at(-5 * time.Minute), "", false},
		"old":             {at(-5*time.Minute - 1), vitals.OtherTime, false},
		"of the future":   {at(5*time.Minute + 1), vitals.OtherTime, false},
		"no time":         {vitals.Reading{Kind: vitals.Weight, Value: phi.New("80"), Unit: "kg"}, vitals.OtherTime, false},
		"too much":        {one(vitals.Weight, "400.1", "kg"), vitals.Implausible, true},
		"pounds too":      {one(vitals.Weight, "881.9", "[lb_av]"), vitals.Implausible, true},
	} {
		m, why := vitals.Measure(tt.reading, noon)
		if why != tt.want || why.Again() != tt.again || why != "" && (m.Kind != "" || m.Values != nil || !m.Shown.IsZero()) {
			t.Errorf("%s: %q, again %v, measurement %v", name, why, why.Again(), m)
		}
	}
}

package vitals

import "slices"

// Kind names a vital sign in events, in the config and on the page.
type Kind string

// The vital signs.
const (
	BloodPressure    Kind = "blood-pressure" // a panel of Systolic and Diastolic
	HeartRate        Kind = "heart-rate"
	OxygenSaturation Kind = "oxygen-saturation"
	Temperature      Kind = "temperature"
	Weight           Kind = "weight"
	Height           Kind = "height"
	Respiration      Kind = "respiration"
)

// The parts of a blood pressure. They are no kinds of their own: one without the
// other is refused.
const (
	Systolic  Kind = "systolic"
	Diastolic Kind = "diastolic"
)

// Sign is a row of the table: a value that is measured.
//
// Codes are of the HL7 vital signs value set (LOINC); units are UCUM's. Low and
// High are the project's: what lies outside cannot be a person who stands at a
// kiosk, or is so rare that a second look by a person is right. They are wider
// than any range that a clinician would call normal, on purpose.
type Sign struct {
	Kind      Kind
	LOINC     []string // the first one is the sign's; the others say more of how it was measured
	Unit      Unit     // in which it is kept
	Low, High Decimal  // the least and the greatest value that is taken, in Unit
}

// panelLOINC is the code of a blood pressure, whose parts have codes of their own.
const panelLOINC = "85354-9"

func whole(n int64) Decimal { return Decimal{coefficient: n} }

// table lists the signs. It is not changed.
var table = []Sign{
	{Systolic, []string{"8480-6"}, MillimetreOfMercury, whole(50), whole(260)},
	{Diastolic, []string{"8462-4"}, MillimetreOfMercury, whole(20), whole(160)},
	{HeartRate, []string{"8867-4"}, PerMinute, whole(20), whole(250)},
	{OxygenSaturation, []string{"2708-6", "59408-5"}, Percent, whole(50), whole(100)},
	{Temperature, []string{"8310-5"}, Celsius, whole(30), whole(43)},
	{Weight, []string{"29463-7"}, Kilogram, whole(1), whole(400)},
	{Height, []string{"8302-2"}, Centimetre, whole(30), whole(250)},
	{Respiration, []string{"9279-1"}, PerMinute, whole(4), whole(80)},
}

// Kinds lists what can be asked of a device, in the order of the table.
func Kinds() []Kind {
	return []Kind{BloodPressure, HeartRate, OxygenSaturation, Temperature, Weight, Height, Respiration}
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return slices.Contains(Kinds(), k) }

// parts gives the rows that a kind consists of: one, or two of a blood pressure.
func (k Kind) parts() []Kind {
	switch {
	case k == BloodPressure:
		return []Kind{Systolic, Diastolic}
	case k.Valid():
		return []Kind{k}
	}
	return nil
}

// LOINC gives the codes of a kind or of a part of one, the sign's own first.
func (k Kind) LOINC() []string {
	if k == BloodPressure {
		return []string{panelLOINC}
	}
	return slices.Clone(k.sign().LOINC)
}

// sign gives the row of a value; the zero Sign for a kind that has none.
func (k Kind) sign() Sign {
	i := slices.IndexFunc(table, func(s Sign) bool { return s.Kind == k })
	if i < 0 {
		return Sign{}
	}
	return table[i]
}

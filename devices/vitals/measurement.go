package vitals

import (
	"strings"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

// Reading is what a device says that it measured. It is made by ParseEvent, or by
// whoever reads another publisher's messages.
type Reading struct {
	Device devices.ID
	// ID is the same when the device says the same again; at most 64 bytes.
	ID   string
	Seq  uint64 // the device's own count; 0: it keeps none
	Kind Kind
	// Value is the decimal of a kind with one value, such as "36.8". Values are
	// those of a blood pressure, by part; who has no parts may give both as the
	// Value "122/78". Exactly one of the two is set.
	Value  phi.Text
	Values map[Kind]phi.Text
	Unit   Unit
	At     time.Time // when it was measured, by the device's clock
	// Session is what the kiosk told the device when it asked for the measurement;
	// empty where it did not.
	Session string
}

// Measurement is a vital sign of somebody, as it can be kept.
type Measurement struct {
	Kind   Kind
	Values []Value // one, or Systolic and Diastolic in this order
	// Shown is the number as the device shows it, and ShownUnit its unit as a
	// person writes it: "122/78" and "mmHg". It is for the patient's own eyes.
	Shown     phi.Text
	ShownUnit string
}

// Value is one number of a measurement. Number is a decimal in the unit of the
// sign, see Kind.Units.
type Value struct {
	Kind   Kind
	Number phi.Text
	Places int // after the point, as measured
	Unit   Unit
}

// Reason is why a reading is not a measurement: a fixed word, which may be logged
// and counted. The empty Reason is none.
type Reason string

// The reasons.
const (
	UnknownKind Reason = "unknown-kind"
	UnknownUnit Reason = "unknown-unit"    // or one of something else
	NotANumber  Reason = "not-a-number"    // see ParseDecimal
	NotWhole    Reason = "not-whole"       // a blood pressure without one of its parts, or with others
	Implausible Reason = "out-of-range"    // measure again
	NotAbove    Reason = "not-above"       // the systolic pressure is not above the diastolic: measure again
	OtherTime   Reason = "other-time"      // measured at another time, by the device's clock
	Malformed   Reason = "malformed-event" // not of the form in the package's description
)

// Again reports whether measuring again may help: the device spoke well, and the
// value cannot be.
func (r Reason) Again() bool { return r == Implausible || r == NotAbove }

// ClockTolerance is how far the clock of a device may be from the kiosk's.
const ClockTolerance = 5 * time.Minute

// texts gives the numbers by part.
func (r Reading) texts() (texts map[Kind]phi.Text, ok bool) {
	switch {
	case r.Value.IsZero():
		return r.Values, r.Kind == BloodPressure
	case len(r.Values) > 0:
		return nil, false
	case r.Kind != BloodPressure:
		return map[Kind]phi.Text{r.Kind: r.Value}, true
	}
	systolic, diastolic, ok := strings.Cut(r.Value.Reveal(), "/")
	return map[Kind]phi.Text{Systolic: phi.New(systolic), Diastolic: phi.New(diastolic)}, ok
}

// Measure judges a reading, at a time of the kiosk's clock.
func Measure(r Reading, now time.Time) (Measurement, Reason) {
	parts := r.Kind.parts()
	if parts == nil {
		return Measurement{}, UnknownKind
	}
	if off := now.Sub(r.At); off > ClockTolerance || off < -ClockTolerance {
		return Measurement{}, OtherTime
	}
	texts, ok := r.texts()
	if !ok || len(texts) != len(parts) {
		return Measurement{}, NotWhole
	}
	m := Measurement{Kind: r.Kind, ShownUnit: r.Unit.Symbol()}
	var shown []string
	var kept []Decimal
	implausible := false
	for _, part := range parts {
		text, ok := texts[part]
		if !ok {
			return Measurement{}, NotWhole
		}
		sign := part.sign()
		scale, ok := scaleOf(r.Unit, sign.Unit)
		if !ok {
			return Measurement{}, UnknownUnit
		}
		measured, err := ParseDecimal(text.Reveal())
		if err != nil {
			return Measurement{}, NotANumber
		}
		value := scale.convert(measured)
		implausible = implausible || value.less(sign.Low) || sign.High.less(value)
		kept = append(kept, value)
		shown = append(shown, measured.String())
		m.Values = append(m.Values, Value{part, phi.New(value.String()), value.places, sign.Unit})
	}
	switch {
	case implausible:
		return Measurement{}, Implausible
	case r.Kind == BloodPressure && !kept[1].less(kept[0]):
		return Measurement{}, NotAbove
	}
	m.Shown = phi.New(strings.Join(shown, "/"))
	return m, ""
}

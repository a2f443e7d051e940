package vitals_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"clinicgate/devices/vitals"

	"pgregory.net/rapid"
)

// The right column is worked out by hand from UCUM's definitions.
func TestConversion(t *testing.T) {
	for _, tt := range []struct {
		value    string
		from, to vitals.Unit
		want     string
	}{
		{"98.6", vitals.Fahrenheit, vitals.Celsius, "37.00"},
		{"98.5", vitals.Fahrenheit, vitals.Celsius, "36.94"},
		{"100", vitals.Fahrenheit, vitals.Celsius, "37.8"},
		{"-40", vitals.Fahrenheit, vitals.Celsius, "-40.0"},
		{"37.0", vitals.Celsius, vitals.Celsius, "37.0"},
		{"180", vitals.Pound, vitals.Kilogram, "81.6"},
		{"180.0", vitals.Pound, vitals.Kilogram, "81.65"},
		{"2880", vitals.Ounce, vitals.Kilogram, "81.65"},
		{"81400", vitals.Gram, vitals.Kilogram, "81.400"},
		{"70", vitals.Inch, vitals.Centimetre, "178"},
		{"70.5", vitals.Inch, vitals.Centimetre, "179.1"},
		{"5.8", vitals.Foot, vitals.Centimetre, "177"},
		{"1.78", vitals.Metre, vitals.Centimetre, "178"},
		{"16.0", vitals.Kilopascal, vitals.MillimetreOfMercury, "120.0"},
		{"10.4", vitals.Kilopascal, vitals.MillimetreOfMercury, "78.0"},
		{"122", vitals.MillimetreOfMercury, vitals.MillimetreOfMercury, "122"},
		{"0", vitals.Pound, vitals.Kilogram, "0.0"},
	} {
		d, err := vitals.ParseDecimal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		if got := vitals.Convert(d, tt.from, tt.to).String(); got != tt.want {
			t.Errorf("%s %s is %s %s, want %s", tt.value, tt.from, got, tt.to, tt.want)
		}
	}
}

// TestConversionLosesNothing: whatever a device shows, in whatever unit, is got
// back from what is kept; and a greater number is never kept as a smaller one.
func TestConversionLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom(vitals.Kinds()).Draw(t, "kind")
		units := kind.Units()
		from, to := rapid.SampledFrom(units).Draw(t, "unit"), units[0]
		places := rapid.IntRange(0, 4).Draw(t, "places")
		draw := func(name string) vitals.Decimal {
			text := fmt.Sprint(rapid.IntRange(0, 999_999).Draw(t, name))
			if places > 0 {
				text += fmt.Sprintf(".%0*d", places, rapid.IntRange(0, int(pow(10, places))-1).Draw(t, name+" fraction"))
			}
			if text != "0" && rapid.IntRange(0, 9).Draw(t, name+" sign") == 0 {
				text = "-" + text
			}
			d, err := vitals.ParseDecimal(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return d
		}
		a, b := draw("a"), draw("b")
		kept := vitals.Convert(a, from, to)
		if back := vitals.Back(kept, from, to, places); back != a {
			t.Fatalf("%s %s is kept as %s %s, from which %s comes back", a, from, kept, to, back)
		}
		if again := vitals.Convert(a, from, to); again != kept {
			t.Fatalf("%s %s is kept as %s and as %s", a, from, kept, again)
		}
		if from == to && kept != a {
			t.Fatalf("%s became %s without a change of unit", a, kept)
		}
		if other := vitals.Convert(b, from, to); a != b && other == kept {
			t.Fatalf("%s and %s %s are both %s", a, b, from, kept)
		}
	})
}

func pow(base, n int) (p int64) {
	for p = 1; n > 0; n-- {
		p *= int64(base)
	}
	return p
}

func TestDecimal(t *testing.T) {
	for _, text := range []string{"0", "0.0", "7", "36.80", "-40.5", "999999.9999", "0.0001"} {
		d, err := vitals.ParseDecimal(text)
		if err != nil || d.String() != text {
			t.Errorf("%s became %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "-", ".", "7.", ".5", "+7", "07", "7,5", "1e2", "1E2", "0x1", "1000000", "1.00000", " 7", "7 ", "--7", "7.-5", "٣", "NaN", "Inf", "1_0", strings.Repeat("9", 400)} {
		if d, err := vitals.ParseDecimal(text); err == nil {
			t.Errorf("%q was read as %s", text, d)
		} else if len(text) > 3 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats %q", text)
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	codes := map[string]bool{}
	for _, k := range append(vitals.Kinds(), vitals.Systolic, vitals.Diastolic) {
		for _, code := range k.LOINC() {
			if codes[code] {
				t.Errorf("%s has the code %s of another sign", k, code)
			}
			codes[code] = true
		}
		if len(k.LOINC()) == 0 || len(k.Units()) == 0 || slices.Contains(k.Units(), "") {
			t.Errorf("%s has codes %v and units %v", k, k.LOINC(), k.Units())
		}
	}
	if len(codes) != 10 || vitals.Systolic.Valid() || vitals.Kind("pain").Valid() || vitals.Kind("pain").Units() != nil {
		t.Errorf("%d codes; a part or an unknown kind may be asked for", len(codes))
	}
}

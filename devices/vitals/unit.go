package vitals

import (
	"math/big"
	"slices"
)

// Unit is a unit by its UCUM code.
type Unit string

// The units in which signs are kept.
const (
	MillimetreOfMercury Unit = "mm[Hg]"
	PerMinute           Unit = "/min"
	Percent             Unit = "%"
	Celsius             Unit = "Cel"
	Kilogram            Unit = "kg"
	Centimetre          Unit = "cm"
)

// Units that devices measure in.
const (
	Kilopascal Unit = "kPa"
	Fahrenheit Unit = "[degF]"
	Gram       Unit = "g"
	Pound      Unit = "[lb_av]"
	Ounce      Unit = "[oz_av]"
	Metre      Unit = "m"
	Inch       Unit = "[in_i]"
	Foot       Unit = "[ft_i]"
)

// scale says how a unit becomes the one that the sign is kept in:
// (value + before) x times.
type scale struct {
	from, to Unit
	before   *big.Rat
	times    *big.Rat
}

// scales are UCUM's definitions, all exact: mm[Hg] is 133.322 Pa, [lb_av] is
// 453.59237 g, [in_i] is 2.54 cm. It is not changed.
var scales = []scale{
	{Kilopascal, MillimetreOfMercury, new(big.Rat), big.NewRat(1_000_000, 133_322)},
	{Fahrenheit, Celsius, big.NewRat(-32, 1), big.NewRat(5, 9)},
	{Gram, Kilogram, new(big.Rat), big.NewRat(1, 1000)},
	{Pound, Kilogram, new(big.Rat), big.NewRat(45_359_237, 100_000_000)},
	{Ounce, Kilogram, new(big.Rat), big.NewRat(45_359_237, 1_600_000_000)},
	{Metre, Centimetre, new(big.Rat), big.NewRat(100, 1)},
	{Inch, Centimetre, new(big.Rat), big.NewRat(254, 100)},
	{Foot, Centimetre, new(big.Rat), big.NewRat(3048, 100)},
}

// scaleOf finds the way from one unit to another; a unit is its own.
func scaleOf(from, to Unit) (scale, bool) {
	if from == to {
		return scale{from, to, new(big.Rat), big.NewRat(1, 1)}, true
	}
	i := slices.IndexFunc(scales, func(s scale) bool { return s.from == from && s.to == to })
	if i < 0 {
		return scale{}, false
	}
	return scales[i], true
}

// Units lists the units in which a kind may be measured; the one that it is kept in
// comes first.
func (k Kind) Units() []Unit {
	if k == BloodPressure {
		return Systolic.Units()
	}
	to := k.sign().Unit
	if to == "" {
		return nil
	}
	list := []Unit{to}
	for _, s := range scales {
		if s.to == to {
			list = append(list, s.from)
		}
	}
	return list
}

// convert brings a value into the scale's unit, with the least number of places
// that still tells any two numbers of the device apart: a step of the result is no
// longer than the device's own. So 98.6 [degF] is 37.00 Cel, and 98.5 is 36.94.
func (s scale) convert(d Decimal) Decimal {
	exact := d.rational()
	exact.Add(exact, s.before).Mul(exact, s.times)
	return round(exact, s.places(d.places))
}

// places is how many places a number of that many has after the conversion.
func (s scale) places(measured int) int {
	step := new(big.Rat).SetFrac(big.NewInt(1), pow10(measured))
	step.Mul(step, s.times)
	for n := 0; ; n++ { // ends: each turn is ten times finer than the one before
		if new(big.Rat).SetFrac(big.NewInt(1), pow10(n)).Cmp(step) <= 0 {
			return n
		}
	}
}

// back is the other way round: the number of the device, of so many places.
func (s scale) back(d Decimal, measured int) Decimal {
	exact := d.rational()
	exact.Quo(exact, s.times).Sub(exact, s.before)
	return round(exact, measured)
}

// Symbol is how a person writes the unit.
func (u Unit) Symbol() string {
	switch u {
	case MillimetreOfMercury:
		return "mmHg"
	case Celsius:
		return "°C"
	case Fahrenheit:
		return "°F"
	case Pound:
		return "lb"
	case Ounce:
		return "oz"
	case Inch:
		return "in"
	case Foot:
		return "ft"
	}
	return string(u)
}

package vitals

import (
	"errors"
	"math/big"
	"strings"
)

// Decimal is an exact decimal number: coefficient / 10^places. It keeps how many
// places were written: 37.0 is not 37, because it was measured more finely.
type Decimal struct {
	coefficient int64
	places      int
}

// No instrument of a waiting room shows more digits; the bounds keep every number
// below 10^10, so that nothing overflows and a JSON number holds it exactly.
const (
	maxWhole  = 6
	maxPlaces = 4
)

var errDecimal = errors.New("a value is a decimal such as 36.8, with at most 6 digits before and 4 after the point")

// ParseDecimal reads a number as instruments write it: digits, a point, digits.
// There is no exponent, no plus sign, no comma, no leading zero.
func ParseDecimal(s string) (Decimal, error) {
	digits, negative := strings.CutPrefix(s, "-")
	units, fraction, pointed := strings.Cut(digits, ".")
	switch {
	case units == "", len(units) > maxWhole, len(units) > 1 && units[0] == '0',
		pointed && fraction == "", len(fraction) > maxPlaces:
		return Decimal{}, errDecimal
	}
	d := Decimal{places: len(fraction)}
	for _, c := range []byte(units + fraction) {
		if c < '0' || c > '9' {
			return Decimal{}, errDecimal
		}
		d.coefficient = 10*d.coefficient + int64(c-'0')
	}
	if negative {
		d.coefficient = -d.coefficient
	}
	return d, nil
}

// String gives the form that ParseDecimal reads.
func (d Decimal) String() string { return d.rational().FloatString(d.places) }

// Places is how many digits stand after the point.
func (d Decimal) Places() int { return d.places }

func (d Decimal) rational() *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(d.coefficient), pow10(d.places))
}

// less compares values; 37.0 is not less than 37.
func (d Decimal) less(o Decimal) bool { return d.rational().Cmp(o.rational()) < 0 }

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// round gives r with so many places: to the nearest, and away from zero where two
// are equally near, as on paper.
func round(r *big.Rat, places int) Decimal {
	scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(pow10(places)))
	// FloatString rounds halves away from zero.
	n, _ := new(big.Int).SetString(scaled.FloatString(0), 10)
	return Decimal{n.Int64(), places}
}

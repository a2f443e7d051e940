package scanner

import "slices"

// A payment card number (ISO/IEC 7812) has 12 to 19 digits, of which the last
// is a check digit. The kiosk takes no money and must never hold one, so where
// in doubt it refuses: a code of 13 or more digits that by chance begins as a
// bank's does and has the right check digit (about one in fifty) is refused as
// well, and the person types the short code.
const (
	minCardDigits = 13
	maxCardDigits = 19
)

// holdsPaymentCard looks for a card number that stands alone or in groups
// separated by single spaces, hyphens or dots.
func holdsPaymentCard(scan []byte) bool {
	var groups []span // that follow each other with one separator between
	for i := 0; i < len(scan); {
		n := leadingDigits(scan[i:])
		if n == 0 {
			i++
			continue
		}
		if len(groups) > 0 && !(i == groups[len(groups)-1].end+1 && isSeparator(scan[i-1])) {
			groups = groups[:0]
		}
		groups = append(groups, span{i, i + n})
		if endsInCard(scan, groups) {
			return true
		}
		i += n
	}
	return false
}

// span is a run of digits.
type span struct{ start, end int }

func isSeparator(b byte) bool { return b == ' ' || b == '-' || b == '.' }

// endsInCard reports whether the last groups, taken together, are a card
// number.
func endsInCard(scan []byte, groups []span) bool {
	var digits []byte // reversed
	for _, g := range slices.Backward(groups) {
		if len(digits)+g.end-g.start > maxCardDigits {
			return false
		}
		for i := g.end - 1; i >= g.start; i-- {
			digits = append(digits, scan[i]-'0')
		}
		if len(digits) >= minCardDigits && luhn(digits) && isBank(digits) {
			return true
		}
	}
	return false
}

// luhn checks the check digit (ISO/IEC 7812-1, annex B) of reversed digits.
func luhn(reversed []byte) bool {
	sum := 0
	for i, d := range reversed {
		v := int(d)
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// isBank reports whether the first digits belong to a payment network. Issuers
// of licences (636, 6044) and of health cards (80840) do not.
func isBank(reversed []byte) bool {
	prefix := 0
	for i := range 4 {
		prefix = prefix*10 + int(reversed[len(reversed)-1-i])
	}
	for _, r := range bankRanges() {
		if r.first <= prefix && prefix <= r.last {
			return true
		}
	}
	return false
}

// bankRanges are the first four digits of the networks' published ranges.
func bankRanges() []struct{ first, last int } {
	return []struct{ first, last int }{
		{2200, 2204}, // Mir
		{2221, 2720}, // Mastercard
		{3000, 3059}, // Diners Club
		{3095, 3095}, // Diners Club
		{3400, 3499}, // American Express
		{3528, 3589}, // JCB
		{3600, 3699}, // Diners Club
		{3700, 3799}, // American Express
		{3800, 3999}, // Diners Club
		{4000, 4999}, // Visa
		{5000, 5999}, // Maestro, Mastercard
		{6011, 6011}, // Discover
		{6200, 6299}, // UnionPay
		{6304, 6304}, // Maestro
		{6390, 6390}, // Maestro
		{6440, 6599}, // Discover
		{6759, 6763}, // Maestro
		{8100, 8199}, // UnionPay
	}
}

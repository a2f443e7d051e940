package vitals

// Convert brings a number from one unit into another, and Back gets the device's
// number back from it.
func Convert(d Decimal, from, to Unit) Decimal {
	s, ok := scaleOf(from, to)
	if !ok {
		panic("no way from " + from + " to " + to)
	}
	return s.convert(d)
}

// Back is the other way round.
func Back(d Decimal, from, to Unit, places int) Decimal {
	s, _ := scaleOf(from, to)
	return s.back(d, places)
}
